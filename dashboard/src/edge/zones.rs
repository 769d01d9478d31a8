//! The time zones that the browser knows.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Date, Function, Intl::DateTimeFormat, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::time::{MINUTE, Zone};

/// The name that stands for coordinated universal time.
pub const UTC: &str = "UTC";

/// Offsets never change within such a stretch, in microseconds.
const STRETCH: i64 = 15 * MINUTE;
/// Most offsets remembered: a chart asks for the same few again and again.
const REMEMBERED: usize = 4_096;

/// A zone of the time zone database.
pub struct NamedZone {
    name: String,
    format: Option<DateTimeFormat>,
    known: RefCell<HashMap<i64, i64>>,
}

impl NamedZone {
    /// The zone called `name`, such as `Europe/Berlin`; none when the browser does not know it.
    pub fn new(name: &str) -> Option<Self> {
        let format = if name == UTC { None } else { Some(format(name)?) };
        Some(Self { name: name.to_owned(), format, known: RefCell::default() })
    }

    /// The reader's own zone.
    pub fn local() -> Self {
        let utc = || Self { name: UTC.to_owned(), format: None, known: RefCell::default() };
        local_name().and_then(|name| Self::new(&name)).unwrap_or_else(utc)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Zone for NamedZone {
    fn offset(&self, utc: i64) -> i64 {
        let Some(format) = &self.format else { return 0 };
        let stretch = utc.div_euclid(STRETCH);
        if let Some(offset) = self.known.borrow().get(&stretch) {
            return *offset;
        }
        let offset = ask(format, stretch * STRETCH).unwrap_or(0);
        let mut known = self.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(stretch, offset);
        offset
    }
}

/// The name of the reader's own zone.
pub fn local_name() -> Option<String> {
    let format = DateTimeFormat::new(&Array::new(), &js_sys::Object::new());
    Reflect::get(&format.resolved_options(), &"timeZone".into()).ok()?.as_string()
}

/// The names of all zones, in order.
pub fn names() -> Vec<String> {
    let list = || -> Option<Array> {
        let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
        let supported: Function = Reflect::get(&intl, &"supportedValuesOf".into()).ok()?.dyn_into().ok()?;
        supported.call1(&intl, &"timeZone".into()).ok()?.dyn_into().ok()
    };
    list().map(|names| names.iter().filter_map(|name| name.as_string()).collect()).unwrap_or_default()
}

/// Fails for an unknown zone with an exception, which the binding's own constructor would not catch.
fn format(zone: &str) -> Option<DateTimeFormat> {
    let options = js_sys::Object::new();
    for (key, value) in [("timeZone", zone), ("timeZoneName", "longOffset")] {
        Reflect::set(&options, &key.into(), &value.into()).ok()?;
    }
    let intl = Reflect::get(&js_sys::global(), &"Intl".into()).ok()?;
    let constructor: Function = Reflect::get(&intl, &"DateTimeFormat".into()).ok()?.dyn_into().ok()?;
    Reflect::construct(&constructor, &Array::of2(&"en-US".into(), &options)).ok()?.dyn_into().ok()
}

/// The offset at an instant, from a text such as `11/25/2026, GMT+05:30`.
fn ask(format: &DateTimeFormat, utc: i64) -> Option<i64> {
    let date = Date::new(&JsValue::from_f64(utc as f64 / 1e3));
    let parts = format.format_to_parts(&date);
    let part = parts.iter().find(|part| {
        Reflect::get(part, &"type".into())
            .is_ok_and(|kind| kind.as_string().as_deref() == Some("timeZoneName"))
    })?;
    let text = Reflect::get(&part, &"value".into()).ok()?.as_string()?;
    crate::time::text::parse_offset(text.strip_prefix("GMT")?)
}
