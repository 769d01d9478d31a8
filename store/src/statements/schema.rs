//! The tables as Diesel sees them.

diesel::table! {
    signal (id) {
        id -> Integer,
        name -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    journal_a (sequence) {
        sequence -> BigInt,
        committed_at -> BigInt,
        count -> Integer,
        samples -> Text,
        checksum -> BigInt,
    }
}

diesel::table! {
    journal_b (sequence) {
        sequence -> BigInt,
        committed_at -> BigInt,
        count -> Integer,
        samples -> Text,
        checksum -> BigInt,
    }
}

diesel::table! {
    numbering (id) {
        id -> Integer,
        epoch -> BigInt,
        sealed_sequence -> BigInt,
    }
}

diesel::table! {
    transfer (id) {
        id -> Integer,
        source -> BigInt,
        completed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    deletion (id) {
        id -> Integer,
        signals -> Text,
        first_timestamp -> BigInt,
        last_timestamp -> BigInt,
    }
}

diesel::table! {
    block (id) {
        id -> BigInt,
        signal_id -> Integer,
        first_timestamp -> BigInt,
        last_timestamp -> BigInt,
        count -> Integer,
        min_timestamp -> BigInt,
        min -> Double,
        max_timestamp -> BigInt,
        max -> Double,
        sum -> Double,
        first -> Double,
        last -> Double,
        sealed_at -> BigInt,
        extremes -> Nullable<Binary>,
        payload -> Binary,
        checksum -> BigInt,
    }
}

diesel::table! {
    bundle (id) {
        id -> BigInt,
        signal_group -> Integer,
        tier -> Integer,
        sequence -> BigInt,
        first_signal -> Integer,
        last_signal -> Integer,
        first_timestamp -> BigInt,
        last_timestamp -> BigInt,
        count -> Integer,
        sealed_at -> BigInt,
        directory -> Binary,
        payload -> Binary,
        checksum -> BigInt,
    }
}

diesel::table! {
    rollup (id) {
        id -> BigInt,
        signal_id -> Integer,
        resolution -> Integer,
        first_bucket -> BigInt,
        last_bucket -> BigInt,
        count -> BigInt,
        arrived_at -> BigInt,
        payload -> Binary,
        checksum -> BigInt,
    }
}

diesel::table! {
    board (id) {
        id -> Text,
        version -> Integer,
        title -> Text,
        document -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    annotation (id) {
        id -> BigInt,
        first_timestamp -> BigInt,
        last_timestamp -> BigInt,
        text -> Text,
        tags -> Text,
        signals -> Text,
    }
}

diesel::table! {
    metadata (signal_id) {
        signal_id -> Integer,
        document -> Text,
    }
}

diesel::table! {
    member (name) {
        name -> Text,
        role -> Text,
        password -> Text,
        totp -> Nullable<Binary>,
        totp_used -> BigInt,
        recovery -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    session (hash) {
        hash -> Binary,
        member -> Text,
        created_at -> BigInt,
        seen_at -> BigInt,
        address -> Text,
        agent -> Text,
    }
}

diesel::table! {
    identity (issuer, subject) {
        issuer -> Text,
        subject -> Text,
        member -> Text,
    }
}

diesel::table! {
    invitation (hash) {
        hash -> Binary,
        member -> Nullable<Text>,
        expires_at -> BigInt,
    }
}

diesel::table! {
    tenant_database (name) {
        name -> Text,
        file -> Text,
        is_deleting -> Bool,
        limits -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    access_key (id) {
        id -> Text,
        tenant_id -> Integer,
        hash -> Binary,
        document -> Text,
        used_at -> Nullable<BigInt>,
        used_from -> Nullable<Text>,
    }
}

diesel::table! {
    audit (id) {
        id -> BigInt,
        tenant_id -> Integer,
        at -> BigInt,
        who -> Text,
        address -> Text,
        action -> Text,
        object -> Text,
        outcome -> Text,
        detail -> Text,
        previous -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    alert_document (tenant, kind, id) {
        tenant -> Text,
        kind -> Text,
        id -> Text,
        version -> Integer,
        document -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    alert_secret (tenant, channel, name) {
        tenant -> Text,
        channel -> Text,
        name -> Text,
        value -> Text,
        set_at -> BigInt,
    }
}

diesel::table! {
    alert_cursor (id) {
        id -> Integer,
        sequence -> BigInt,
        at -> BigInt,
        heard_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    alert_state (tenant, rule, scope) {
        tenant -> Text,
        rule -> Text,
        scope -> Text,
        document -> Text,
    }
}

diesel::table! {
    alert_episode (id) {
        id -> Text,
        tenant -> Text,
        rule -> Text,
        scope -> Text,
        fired_at -> BigInt,
        resolved_at -> Nullable<BigInt>,
        document -> Text,
        ack -> Nullable<Text>,
    }
}

diesel::table! {
    alert_unheard (from_at) {
        from_at -> BigInt,
        to_at -> BigInt,
    }
}

diesel::table! {
    alert_notice (id) {
        id -> BigInt,
        tenant -> Text,
        key -> Text,
        channel -> Text,
        topic -> Text,
        document -> Text,
        message -> Nullable<Text>,
    }
}

diesel::table! {
    alert_message (position) {
        position -> BigInt,
        tenant -> Text,
        id -> Text,
        channel -> Text,
        document -> Text,
        attempts -> Integer,
        next_at -> BigInt,
    }
}

diesel::table! {
    alert_delivery (id) {
        id -> BigInt,
        tenant -> Text,
        channel -> Text,
        document -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(metadata, signal);

// The first schema's table, as long as its rows have not become blocks.
diesel::table! {
    sample (id) {
        id -> Integer,
        signal_id -> Integer,
        timestamp -> BigInt,
        value -> Double,
        created_at -> BigInt,
    }
}
