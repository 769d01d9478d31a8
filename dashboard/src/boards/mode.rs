//! How much of the page there is.

/// The parameter of the address that asks for [`Mode::Kiosk`].
pub const KIOSK: &str = "kiosk";
/// The parameter of the address that asks for [`Mode::Panel`]; the server lets pages of other sites frame such an address
/// alone, so its presence decides, whatever it says.
pub const PANEL: &str = "panel";
/// The parameter of the address that names a link to a board; the server lets those frame such an address whom the link names.
pub const SHARE: &str = "share";

/// How much of the page there is, for as long as it is open. Only a full page changes what is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    #[default]
    Full,
    /// The board alone, to be looked at on a wall.
    Kiosk,
    /// The panel with this id alone, within another page.
    Panel(String),
}

impl Mode {
    /// What an address with these parameters asks for.
    pub fn new(kiosk: Option<&str>, panel: Option<&str>, share: Option<&str>) -> Self {
        match (kiosk.or(share), panel) {
            (_, Some(panel)) => Self::Panel(panel.to_owned()),
            (Some(_), None) => Self::Kiosk,
            (None, None) => Self::Full,
        }
    }

    /// Whether the reader can do everything here.
    pub fn is_full(&self) -> bool {
        *self == Self::Full
    }

    /// Whether this is one panel within another page.
    pub fn is_embedded(&self) -> bool {
        matches!(self, Self::Panel(_))
    }

    /// Whether the panel with this id is here.
    pub fn has(&self, panel: &str) -> bool {
        match self {
            Self::Panel(only) => only == panel,
            Self::Full | Self::Kiosk => true,
        }
    }

    /// Its name for the style sheet.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Kiosk => "kiosk",
            Self::Panel(_) => "embedded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_within_another_page_is_never_more_than_that() {
        assert_eq!(Mode::new(None, None, None), Mode::Full);
        assert_eq!(Mode::new(Some(""), None, None), Mode::Kiosk);
        for panel in [Mode::new(None, Some(""), None), Mode::new(Some(""), Some("2"), Some("0"))] {
            assert!(!panel.is_full() && panel.key() == "embedded");
        }
        let panel = Mode::new(None, Some("2"), None);
        assert!(panel.has("2") && !panel.has("1"));
    }

    #[test]
    fn a_board_that_is_shown_by_a_link_is_only_looked_at() {
        assert_eq!(Mode::new(None, None, Some("")), Mode::Kiosk);
    }
}
