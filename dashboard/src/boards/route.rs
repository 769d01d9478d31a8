//! What the page shows, as the path of its address says.

use afterglow_wire::board::EVERYTHING;

/// A view of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The board with this address; the generated one is at the root.
    Board(String),
    /// What arrived lately, and what became of it.
    Ingest,
}

impl Route {
    /// The generated board of all signals.
    pub fn everything() -> Self {
        Self::Board(EVERYTHING.into())
    }

    /// The view at this path. What is not understood is the generated board: an old link still shows signals.
    pub fn at(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match (parts.next(), parts.next()) {
            (Some("boards"), Some(id)) => Self::Board(id.to_owned()),
            (Some("ingest"), None) => Self::Ingest,
            _ => Self::everything(),
        }
    }

    /// Its path.
    pub fn path(&self) -> String {
        match self {
            Self::Board(id) if id == EVERYTHING => "/".into(),
            Self::Board(id) => format!("/boards/{id}"),
            Self::Ingest => "/ingest".into(),
        }
    }

    /// The address of the board, when it is one.
    pub fn board(&self) -> Option<&str> {
        match self {
            Self::Board(id) => Some(id),
            Self::Ingest => None,
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
            ("/ingest", Route::Ingest),
        ] {
            assert_eq!((Route::at(path), route.path().as_str()), (route.clone(), path));
        }
    }

    #[test]
    fn other_paths_are_the_generated_board() {
        for path in ["", "/boards", "/boards/", "/boards/everything", "/somewhere/else", "/ingest/more"] {
            assert!(Route::at(path).is_everything(), "{path}");
        }
    }
}
