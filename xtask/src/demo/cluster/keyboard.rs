//! Keys, as they are pressed.

use std::io::{Read as _, stdin};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Keys that may wait.
const KEYS: usize = 8;

/// What is typed. While there is one, the terminal gives each key at once and shows none.
pub(super) struct Keyboard {
    keys: Receiver<u8>,
    before: Option<Termios>,
}

impl Keyboard {
    pub(super) fn open() -> Self {
        let before = tcgetattr(stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
        }
        let (sender, keys) = sync_channel(KEYS);
        // It ends with the process, or with the input.
        let _ = thread::Builder::new().name("keyboard".into()).spawn(move || {
            for key in stdin().lock().bytes().map_while(Result::ok) {
                // What is typed too fast is dropped.
                let _ = sender.try_send(key);
            }
        });
        Self { keys, before }
    }

    /// Whether `key` was pressed since this was last asked; other keys mean nothing.
    pub(super) fn pressed(&self, key: u8) -> bool {
        self.keys.try_iter().any(|pressed| pressed == key)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        if let Some(modes) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, modes);
        }
    }
}
