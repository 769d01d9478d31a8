//! What the OpenAPI document says of answers whose form depends on a parameter.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// `GET /api/signals`: names; `SignalDetails` with `details=1`; `Metadata` by name with `metadata=1`.
pub(super) struct SignalList;

impl PartialSchema for SignalList {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        AnyOfBuilder::new()
            .item(ArrayBuilder::new().items(name))
            .item(ArrayBuilder::new().items(Ref::from_schema_name("SignalDetails")))
            .item(by_name(Ref::from_schema_name("Metadata")))
            .into()
    }
}

impl ToSchema for SignalList {
    fn name() -> Cow<'static, str> {
        "SignalList".into()
    }
}

/// `GET /api/telemetry`: points by name; `Series` by name with `slice=1`.
pub(super) struct Samples;

impl PartialSchema for Samples {
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new()
            .item(by_name(ArrayBuilder::new().items(Ref::from_schema_name("Point"))))
            .item(by_name(Ref::from_schema_name("Series")))
            .into()
    }
}

impl ToSchema for Samples {
    fn name() -> Cow<'static, str> {
        "Samples".into()
    }
}

fn by_name(value: impl Into<AdditionalProperties<Schema>>) -> ObjectBuilder {
    ObjectBuilder::new().additional_properties(Some(value))
}
