//! The fold of the journal into alerts: states, episodes, notices and the cursor change in one transaction.

use std::collections::BTreeMap;

use afterglow_wire::Timestamp;
use afterglow_wire::alert::{Ack, Episode, History, Pending};
use afterglow_wire::limits::{EPISODES, EPISODES_LISTED};

use super::Engine;
use crate::alerts::{Cursor, Fold, Folded, Found, JournalCommit, NewNotice, OpenAlert, Replayed, StateRow};
use crate::audit::{Author, Event};
use crate::documents::{SaveError, json};
use crate::fault::{self, Point};
use crate::tables::{EpisodeRow, NoticeRow, Rows};
use crate::{Span, StoreError, journal};

impl Engine {
    /// Where the evaluation stands, and what it has found.
    pub(crate) fn folded(&self) -> Result<Folded, StoreError> {
        self.tables.in_documents(|reader| {
            let cursor = reader.alert_cursor()?.map(|(sequence, at)| Cursor {
                sequence: sequence.cast_unsigned(),
                at: Timestamp::from_micros(at),
            });
            let states = reader.alert_states()?;
            let states = states.into_iter().map(|(rule, scope, document)| StateRow {
                rule,
                scope,
                document: Some(document),
            });
            let open = reader.open_episodes()?.into_iter().filter_map(episode).collect();
            let heard = reader.heard()?.map(Timestamp::from_micros);
            Ok(Folded { cursor, states: states.collect(), open, heard })
        })
    }

    /// Writes what evaluating some commits has changed, all or nothing.
    pub(crate) fn fold(&self, fold: &Fold) -> Result<(), StoreError> {
        fault::crash_point(Point::AlertsEvaluated);
        if fault::splits_the_fold() {
            // On purpose wrong: the notices are not in the transaction of what has happened.
            self.tables.maintaining(|writer| write_states(writer, fold))?;
            fault::linger();
            self.tables.maintaining(|writer| write_notices(writer, fold))?;
        } else {
            self.tables.maintaining(|writer| {
                write_states(writer, fold)?;
                write_notices(writer, fold)
            })?;
        }
        fault::crash_point(Point::AlertsWritten);
        Ok(())
    }

    /// Passes on what has not ended, and then what is about to fire, each by rule and scope. It is read in pages: a storm has hundreds of
    /// megabytes.
    pub(crate) fn each_alert(&self, take: &mut dyn FnMut(Found)) -> Result<(), StoreError> {
        self.tables.in_lists(|reader| {
            let mut last = Some((String::new(), String::new()));
            while let Some((rule, scope)) = last.take() {
                let rows = reader.open_behind(&rule, &scope, PAGE)?;
                last = rows.last().map(|row| (row.rule.clone(), row.scope.clone()));
                rows.into_iter().for_each(|row| take(Found::Firing(open_alert(row))));
            }
            let mut last = Some((String::new(), String::new()));
            while let Some((rule, scope)) = last.take() {
                let states = reader.alert_states_behind(&rule, &scope, PAGE)?;
                last = states.last().map(|(rule, scope, _)| (rule.clone(), scope.clone()));
                for (rule, scope, document) in states {
                    let state: Option<PendingState> = serde_json::from_str(&document).ok();
                    if let Some(state) = state.filter(|state| state.phase == "pending") {
                        let since = Timestamp::from_micros(state.pending_at);
                        take(Found::Pending(Pending { rule, scope, since }));
                    }
                }
            }
            Ok(())
        })
    }

    /// The episodes that have not ended.
    pub(crate) fn open_episodes(&self) -> Result<Vec<Episode>, StoreError> {
        let rows = self.tables.in_documents(|reader| reader.open_episodes())?;
        Ok(rows.into_iter().filter_map(episode).collect())
    }

    /// How many episodes have not ended, of a rule or in all.
    pub(crate) fn count_open(&self, rule: Option<&str>) -> Result<usize, StoreError> {
        let count = self.tables.in_documents(|reader| reader.count_open(rule))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// The episodes that touch `span`.
    pub(crate) fn history(&self, span: Span, limit: usize) -> Result<History, StoreError> {
        let limit = limit.min(EPISODES_LISTED);
        let (total, rows) = self.tables.in_lists(|reader| reader.episodes(span, limit))?;
        Ok(History { episodes: rows.into_iter().filter_map(episode).collect(), total })
    }

    /// The times in which no samples could come that touch `span`.
    pub(crate) fn unheard(&self, span: Span) -> Result<Vec<Span>, StoreError> {
        self.tables.in_documents(|reader| reader.unheard(span))
    }

    /// Who has seen an episode.
    pub(crate) fn acknowledgement(&self, id: &str) -> Result<Option<Ack>, StoreError> {
        let row = self.tables.in_documents(|reader| reader.episode(id))?;
        Ok(row.and_then(episode).and_then(|episode| episode.ack))
    }

    /// Notes who has seen an episode, or that nobody has.
    pub(crate) fn acknowledge(
        &self,
        by: Option<&Author>,
        id: &str,
        ack: Option<&Ack>,
    ) -> Result<Episode, SaveError> {
        let document = ack.map(json).transpose()?;
        let missing =
            || SaveError::NotFound(format!("there is no alert {id:?}; /api/alerts lists those there are"));
        self.tables.writing(|writer| {
            if !writer.acknowledge(id, document.as_deref())? {
                return Err(missing());
            }
            let action = if ack.is_some() { "alert.ack" } else { "alert.take_back" };
            self.note(writer, by, Event::done(action, id))?;
            writer.episode(id)?.and_then(episode).ok_or_else(missing)
        })
    }

    /// Removes episodes that ended before `before`, and the oldest beyond as many as are kept; how many.
    pub(crate) fn expire_episodes(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.tables.maintaining(|writer| {
            writer.expire_unheard(before.micros())?;
            writer.expire_episodes(before.micros(), EPISODES)
        })
    }

    /// The commits after the one numbered `sequence`, each whole, of the journal's next `limit` rows.
    pub(crate) fn replay(&self, sequence: u64, limit: u32) -> Result<Replayed, StoreError> {
        self.sync()?;
        let known = self.sequence();
        if sequence >= known {
            return Ok(Replayed::Nothing);
        }
        let deleted = self.after_deletions(sequence);
        if deleted > sequence {
            return Ok(Replayed::Deleted(deleted));
        }
        let after = sequence.cast_signed();
        let mut rows = self.tables.in_snapshot(|reader| reader.journal_after(after, limit))?;
        let is_full = rows.len() >= limit as usize;
        rows.retain(|row| row.sequence <= known.cast_signed());
        if rows.first().is_none_or(|row| row.sequence != after + 1) {
            return Ok(Replayed::Sealed);
        }
        let last_at = rows.last().map(|row| row.committed_at);
        if is_full && rows.iter().all(|row| Some(row.committed_at) == last_at) {
            // One commit, which may go on.
            return self.replay(sequence, limit.saturating_mul(2));
        }
        if is_full {
            // The last commit may go on in the next row.
            rows.retain(|row| Some(row.committed_at) != last_at);
        }
        let mut commits: Vec<JournalCommit> = Vec::new();
        for row in rows {
            let samples = journal::decode(&row.samples).map_err(StoreError::Down)?;
            match commits.last_mut() {
                Some(commit) if commit.at.micros() == row.committed_at => {
                    commit.samples.extend(samples);
                    commit.last = row.sequence.cast_unsigned();
                }
                _ => commits.push(JournalCommit {
                    last: row.sequence.cast_unsigned(),
                    at: Timestamp::from_micros(row.committed_at),
                    samples,
                }),
            }
        }
        Ok(Replayed::Commits(commits))
    }
}

fn write_states(writer: &mut dyn Rows, fold: &Fold) -> Result<(), StoreError> {
    // Of those with one key the last, in the order of their keys.
    let states: BTreeMap<_, _> =
        fold.states.iter().map(|state| ((&*state.rule, &*state.scope), state)).collect();
    writer.put_alert_states(&states.into_values().collect::<Vec<_>>())?;
    let episodes: BTreeMap<_, _> = fold.episodes.iter().map(|episode| (&*episode.id, &**episode)).collect();
    writer.put_episodes(&episodes.into_values().map(episode_row).collect::<Result<Vec<_>, _>>()?)?;
    for ids in fold.worse.chunks(IDS) {
        writer.void_acknowledgements(ids)?;
    }
    for span in &fold.unheard {
        writer.put_unheard(*span)?;
    }
    if let Some(cursor) = fold.cursor {
        writer.put_alert_cursor(cursor.sequence.cast_signed(), cursor.at.micros())?;
    }
    if let Some(heard) = fold.heard {
        writer.put_heard(heard.micros())?;
    }
    Ok(())
}

fn write_notices<'f>(writer: &mut dyn Rows, fold: &'f Fold) -> Result<(), StoreError> {
    let row = |new: &'f NewNotice| -> Result<NoticeRow<'f>, StoreError> {
        let NewNotice { key, channel, topic, notice } = new;
        Ok(NoticeRow { key, channel, topic, document: json(notice)? })
    };
    writer.add_notices(&fold.notices.iter().map(row).collect::<Result<Vec<_>, _>>()?)
}

/// An episode without its acknowledgement, which is not the fold's.
fn episode_row(episode: &Episode) -> Result<EpisodeRow, StoreError> {
    let document = match &episode.ack {
        None => json(episode)?,
        Some(_) => json(&Episode { ack: None, ..episode.clone() })?,
    };
    Ok(EpisodeRow {
        id: episode.id.clone(),
        rule: episode.rule.clone(),
        scope: episode.scope.clone(),
        fired_at: episode.fired_at.micros(),
        resolved_at: episode.resolved_at.map(Timestamp::micros),
        document,
        ack: None,
    })
}

/// What is asked of a state; the rest is its owner's.
#[derive(serde::Deserialize)]
struct PendingState {
    phase: String,
    pending_at: i64,
}

/// Episodes that one statement names.
const IDS: usize = 500;

/// Alerts of a page.
const PAGE: i64 = 1_000;

fn open_alert(row: EpisodeRow) -> OpenAlert {
    let EpisodeRow { id, rule, scope, fired_at, document, ack, .. } = row;
    OpenAlert { id, rule, scope, fired_at, document, ack }
}

/// Leaves out a damaged one.
fn episode(row: EpisodeRow) -> Option<Episode> {
    open_alert(row).read()
}
