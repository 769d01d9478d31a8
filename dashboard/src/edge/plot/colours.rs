//! The theme in effect, and the colours that canvases need as texts.

use afterglow_wire::rule::Severity;

/// The colours of a chart's axes and lines.
pub(super) struct Colours {
    pub(super) axis: &'static str,
    pub(super) grid: &'static str,
    pub(super) warn: &'static str,
    pub(super) note: &'static str,
    pub(super) accent: &'static str,
    pub(super) bad: &'static str,
    pub(super) ink: &'static str,
    /// What a chart is on.
    pub(super) surface: &'static str,
    pub(super) dark: bool,
}

impl Colours {
    /// Those of the theme in effect.
    pub(super) fn current() -> Self {
        if is_dark() {
            Self {
                axis: "#98a2b3",
                grid: "#ffffff14",
                warn: "#f0b34e",
                note: "#c4a7ff",
                accent: "#5aa9f8",
                bad: "#ff8a80",
                ink: "#e8ecf2",
                surface: "#151b24",
                dark: true,
            }
        } else {
            Self {
                axis: "#5b6472",
                grid: "#0000000f",
                warn: "#8a5100",
                note: "#6d28d9",
                accent: "#0b62b8",
                bad: "#b42318",
                ink: "#141a23",
                surface: "#ffffff",
                dark: false,
            }
        }
    }
}

impl Colours {
    /// That of alerts.
    pub(super) fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Info => self.accent,
            Severity::Warning => self.warn,
            Severity::Critical => self.bad,
        }
    }
}

/// The reader's choice, written on the document's element, or else the system's.
fn is_dark() -> bool {
    let Some(window) = web_sys::window() else { return false };
    let root = window.document().and_then(|document| document.document_element());
    match root.and_then(|root| root.get_attribute("data-theme")).as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window
            .match_media("(prefers-color-scheme: dark)")
            .unwrap_or(None::<web_sys::MediaQueryList>)
            .is_some_and(|query| query.matches()),
    }
}
