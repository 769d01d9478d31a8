//! The statements of the outbox.

use diesel::dsl::{count_star, min};
use diesel::prelude::*;

use super::Connection;
use crate::StoreError;
use crate::statements::limit_of;
use crate::statements::put::{Value, put};
use crate::statements::schema::{alert_delivery, alert_message, alert_notice};
use crate::tables::{MessageRow, NoticeRow, OutboxRows, TopicRow};

impl OutboxRows for Connection {
    fn add_notices(&mut self, rows: &[NoticeRow<'_>]) -> Result<(), StoreError> {
        let rows: Vec<[Value<'_>; 4]> = rows
            .iter()
            .map(|row| [row.key, row.channel, row.topic, &row.document].map(Value::Text))
            .collect();
        put(self, "alert_notice (key, channel, topic, document)", "(key) DO NOTHING", &rows)?;
        Ok(())
    }

    fn busy_channels(&mut self) -> Result<Vec<String>, StoreError> {
        let mut channels: Vec<String> = alert_message::table
            .select(alert_message::channel)
            .union(alert_notice::table.filter(alert_notice::message.is_null()).select(alert_notice::channel))
            .load(self)?;
        channels.sort_unstable();
        Ok(channels)
    }

    fn topics(&mut self, channel: &str) -> Result<Vec<TopicRow>, StoreError> {
        let rows: Vec<(String, Option<i64>, i64)> = alert_notice::table
            .filter(alert_notice::channel.eq(channel).and(alert_notice::message.is_null()))
            .group_by(alert_notice::topic)
            .select((alert_notice::topic, min(alert_notice::id), count_star()))
            .load(self)?;
        let mut topics: Vec<TopicRow> = rows
            .into_iter()
            .map(|(topic, first, count)| TopicRow { topic, first: first.unwrap_or_default(), count })
            .collect();
        topics.sort_unstable_by_key(|topic| topic.first);
        Ok(topics)
    }

    fn notices(
        &mut self,
        channel: &str,
        topic: Option<&str>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let mut waiting = alert_notice::table
            .filter(alert_notice::channel.eq(channel).and(alert_notice::message.is_null()))
            .filter(alert_notice::id.gt(after))
            .into_boxed();
        if let Some(topic) = topic {
            waiting = waiting.filter(alert_notice::topic.eq(topic));
        }
        Ok(waiting
            .order(alert_notice::id)
            .limit(limit_of(limit))
            .select((alert_notice::id, alert_notice::document))
            .load(self)?)
    }

    fn put_into_message(
        &mut self,
        channel: &str,
        topic: Option<&str>,
        last: i64,
        message: &str,
    ) -> Result<(), StoreError> {
        let waiting = alert_notice::channel
            .eq(channel)
            .and(alert_notice::message.is_null())
            .and(alert_notice::id.le(last));
        match topic {
            Some(topic) => {
                diesel::update(alert_notice::table.filter(waiting.and(alert_notice::topic.eq(topic))))
                    .set(alert_notice::message.eq(message))
                    .execute(self)?
            }
            None => diesel::update(alert_notice::table.filter(waiting))
                .set(alert_notice::message.eq(message))
                .execute(self)?,
        };
        Ok(())
    }

    fn forget_notices(&mut self, message: &str) -> Result<(), StoreError> {
        diesel::delete(alert_notice::table.filter(alert_notice::message.eq(message))).execute(self)?;
        Ok(())
    }

    fn add_message(&mut self, id: &str, channel: &str, document: &str, now: i64) -> Result<(), StoreError> {
        diesel::insert_into(alert_message::table)
            .values((
                alert_message::id.eq(id),
                alert_message::channel.eq(channel),
                alert_message::document.eq(document),
                alert_message::attempts.eq(0),
                alert_message::next_at.eq(now),
            ))
            .on_conflict(alert_message::id)
            .do_nothing()
            .execute(self)?;
        Ok(())
    }

    fn first_message(&mut self, channel: &str) -> Result<Option<MessageRow>, StoreError> {
        let row: Option<(String, String, i32, i64)> = alert_message::table
            .filter(alert_message::channel.eq(channel))
            .order(alert_message::position)
            .select((
                alert_message::id,
                alert_message::document,
                alert_message::attempts,
                alert_message::next_at,
            ))
            .first(self)
            .optional()?;
        Ok(row.map(|(id, document, attempts, next_at)| MessageRow { id, document, attempts, next_at }))
    }

    fn attempted(&mut self, message: &str, attempts: i32, next_at: i64) -> Result<(), StoreError> {
        diesel::update(alert_message::table.filter(alert_message::id.eq(message)))
            .set((alert_message::attempts.eq(attempts), alert_message::next_at.eq(next_at)))
            .execute(self)?;
        Ok(())
    }

    fn delete_message(&mut self, message: &str) -> Result<(), StoreError> {
        self.forget_notices(message)?;
        diesel::delete(alert_message::table.filter(alert_message::id.eq(message))).execute(self)?;
        Ok(())
    }

    fn forget_channel(&mut self, channel: &str) -> Result<(), StoreError> {
        diesel::delete(alert_notice::table.filter(alert_notice::channel.eq(channel))).execute(self)?;
        diesel::delete(alert_message::table.filter(alert_message::channel.eq(channel))).execute(self)?;
        diesel::delete(alert_delivery::table.filter(alert_delivery::channel.eq(channel))).execute(self)?;
        Ok(())
    }

    fn log_delivery(&mut self, channel: &str, document: &str, most: usize) -> Result<(), StoreError> {
        diesel::insert_into(alert_delivery::table)
            .values((alert_delivery::channel.eq(channel), alert_delivery::document.eq(document)))
            .execute(self)?;
        let beyond: Option<i64> = alert_delivery::table
            .filter(alert_delivery::channel.eq(channel))
            .order(alert_delivery::id.desc())
            .offset(limit_of(most))
            .select(alert_delivery::id)
            .first(self)
            .optional()?;
        if let Some(beyond) = beyond {
            let old = alert_delivery::table
                .filter(alert_delivery::channel.eq(channel).and(alert_delivery::id.le(beyond)));
            diesel::delete(old).execute(self)?;
        }
        Ok(())
    }

    fn deliveries(&mut self, channel: &str) -> Result<Vec<String>, StoreError> {
        Ok(alert_delivery::table
            .filter(alert_delivery::channel.eq(channel))
            .order(alert_delivery::id.desc())
            .select(alert_delivery::document)
            .load(self)?)
    }
}
