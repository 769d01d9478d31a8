//! One document: Markdown in, HTML out, and what it refers to.

use std::collections::BTreeSet;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// A document.
pub(super) struct Page {
    /// Its text.
    markdown: String,
    /// Its first heading.
    pub(super) title: String,
    /// The names of its headings, as links name them.
    pub(super) headings: BTreeSet<String>,
    /// Where its links and pictures lead to, as they are written.
    pub(super) links: Vec<String>,
}

impl Page {
    pub(super) fn new(markdown: String) -> Self {
        let (mut headings, mut links, mut title) = (BTreeSet::new(), Vec::new(), String::new());
        let mut names = Names::default();
        let mut heading: Option<String> = None;
        for event in parse(&markdown) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let text = heading.take().unwrap_or_default();
                    headings.insert(names.next(&text));
                    if title.is_empty() {
                        title = text;
                    }
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.push(dest_url.to_string());
                }
                _ => {}
            }
        }
        Self { markdown, title, headings, links }
    }

    /// Its HTML, each link as `lead` rewrites it.
    pub(super) fn html(&self, lead: impl Fn(&str) -> String) -> String {
        let events: Vec<_> = parse(&self.markdown).collect();
        let mut names = Names::default();
        let mut named = Vec::with_capacity(events.len());
        for (at, event) in events.iter().enumerate() {
            named.push(match event.clone() {
                Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
                    let inside = events[at + 1..].iter();
                    let inside = inside.take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
                    let text: String = inside
                        .filter_map(|event| match event {
                            Event::Text(text) | Event::Code(text) => Some(&**text),
                            _ => None,
                        })
                        .collect();
                    let id = Some(CowStr::from(names.next(&text)));
                    Event::Start(Tag::Heading { level, id, classes, attrs })
                }
                Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                    Event::Start(Tag::Link { link_type, dest_url: lead(&dest_url).into(), title, id })
                }
                Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                    Event::Start(Tag::Image { link_type, dest_url: lead(&dest_url).into(), title, id })
                }
                event => event,
            });
        }
        let mut text = String::new();
        html::push_html(&mut text, named.into_iter());
        text
    }
}

fn parse(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH)
}

/// Names of headings as GitHub makes them; the second of two equal ones ends with `-1`.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn next(&mut self, text: &str) -> String {
        let kept = text
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .collect::<String>();
        let first = kept.replace(' ', "-");
        let further = (1_u32..).map(|number| format!("{first}-{number}"));
        let name = std::iter::once(first.clone())
            .chain(further)
            .find(|name| !self.0.contains(name))
            .unwrap_or_default();
        self.0.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_names_that_links_use() {
        let page = Page::new("# A `b` & C!\n## Same\n## Same\n[x](y.md#z) ![p](q.png)\n".into());
        assert_eq!(page.headings.iter().collect::<Vec<_>>(), ["a-b--c", "same", "same-1"]);
        assert_eq!(page.title, "A b & C!");
        assert_eq!(page.links, ["y.md#z", "q.png"]);
        let html = page.html(|link| link.replace(".md", ".html"));
        assert!(html.contains("<h2 id=\"same-1\">") && html.contains("href=\"y.html#z\""), "{html}");
    }
}
