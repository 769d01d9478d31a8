//! The tables as Diesel sees them.

diesel::table! {
    signal (id) {
        id -> Integer,
        name -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    sample (id) {
        id -> Integer,
        signal_id -> Integer,
        timestamp -> BigInt,
        value -> Double,
        created_at -> BigInt,
    }
}

diesel::joinable!(sample -> signal (signal_id));
diesel::allow_tables_to_appear_in_same_query!(signal, sample);
