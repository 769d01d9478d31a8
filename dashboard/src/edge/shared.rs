//! A value that plain code reads and components follow: one home for what would otherwise be kept twice.

use std::cell::RefCell;
use std::rc::Rc;

use dioxus::core::Runtime;
use dioxus::prelude::*;

/// One value. [`Shared::get`] reads it anywhere; [`Shared::follow`] also renders the calling component again when it
/// changes. Cheap to read when `T` is cheap to clone.
pub struct Shared<T: 'static> {
    value: RefCell<T>,
    /// Made when a component first asks; without components there is none.
    followed: RefCell<Option<(Rc<Runtime>, Signal<T>)>>,
}

impl<T: Clone + 'static> Shared<T> {
    /// `value`, which no component follows yet.
    pub fn new(value: T) -> Self {
        Self { value: RefCell::new(value), followed: RefCell::new(None) }
    }

    /// The value.
    pub fn get(&self) -> T {
        self.value.borrow().clone()
    }

    /// Replaces the value, from anywhere.
    pub fn set(&self, value: T) {
        self.value.replace(value.clone());
        let followed = self.followed.borrow().as_ref().map(|(runtime, signal)| (Rc::clone(runtime), *signal));
        if let Some((runtime, mut signal)) = followed {
            runtime.in_scope(ScopeId::ROOT, || signal.set(value));
        }
    }

    /// The value, within a component, memo or effect, which runs again when it changes.
    pub fn follow(&self) -> T {
        let known = self.followed.borrow().as_ref().map(|(_, signal)| *signal);
        let signal = known.unwrap_or_else(|| {
            let signal = Signal::new_in_scope(self.get(), ScopeId::ROOT);
            self.followed.replace(Some((Runtime::current(), signal)));
            signal
        });
        signal.read().clone()
    }
}

impl<T: Clone + Default + 'static> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}
