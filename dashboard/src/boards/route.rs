//! What the page shows, as the path of its address says.

use afterglow_wire::board::EVERYTHING;

/// A view of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The board with this address; the generated one is at the root.
    Board(String),
    /// Alerts, rules, silences and channels.
    Alerts,
    /// Recent requests, and whether they were stored.
    Ingest,
    /// There is nothing at this path.
    Nothing(String),
}

impl Route {
    /// The generated board of all signals.
    pub fn everything() -> Self {
        Self::Board(EVERYTHING.into())
    }

    /// The view at this path.
    pub fn at(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match (parts.next(), parts.next(), parts.next()) {
            (Some("boards"), Some(id), None) => Self::Board(id.to_owned()),
            (Some("alerts"), None, None) => Self::Alerts,
            (Some("ingest"), None, None) => Self::Ingest,
            (None | Some("boards"), None, None) => Self::everything(),
            _ => Self::Nothing(path.to_owned()),
        }
    }

    /// Its path.
    pub fn path(&self) -> String {
        match self {
            Self::Board(id) if id == EVERYTHING => "/".into(),
            Self::Board(id) => format!("/boards/{id}"),
            Self::Alerts => "/alerts".into(),
            Self::Ingest => "/ingest".into(),
            Self::Nothing(path) => path.clone(),
        }
    }

    /// The address of the board, when it is one.
    pub fn board(&self) -> Option<&str> {
        match self {
            Self::Board(id) => Some(id),
            Self::Alerts | Self::Ingest | Self::Nothing(_) => None,
        }
    }

    /// Whether it is the generated board.
    pub fn is_everything(&self) -> bool {
        self.board() == Some(EVERYTHING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_back() {
        for (path, route) in [
            ("/", Route::everything()),
            ("/boards/machine-room", Route::Board("machine-room".into())),
            ("/alerts", Route::Alerts),
            ("/ingest", Route::Ingest),
        ] {
            assert_eq!((Route::at(path), route.path().as_str()), (route.clone(), path));
        }
    }

    #[test]
    fn the_generated_board_is_where_no_other_is_named() {
        for path in ["", "/boards", "/boards/", "/boards/everything"] {
            assert!(Route::at(path).is_everything(), "{path}");
        }
    }

    #[test]
    fn other_paths_are_nothing() {
        for path in ["/somewhere/else", "/ingest/more", "/board", "/boards/a/b"] {
            assert_eq!(Route::at(path), Route::Nothing(path.to_owned()));
        }
    }
}
