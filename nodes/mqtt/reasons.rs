//! What the reason codes of MQTT mean, for people.

/// A reason code of MQTT 5, also those of 3.1.1 that mean the same.
pub fn text(code: u8) -> &'static str {
    match code {
        0x00 => "accepted",
        0x04 => "the broker sends the will message",
        0x10 => "nobody has subscribed to it",
        0x80 => "refused without a reason",
        0x81 => "malformed packet",
        0x82 => "protocol error",
        0x83 => "refused for a reason of the broker's own",
        0x84 => "the broker does not speak this version of MQTT",
        0x85 => "the broker does not take this client id",
        0x86 => "wrong user name or password",
        0x87 => "not authorized",
        0x88 => "the broker is not available",
        0x89 => "the broker is busy",
        0x8a => "this client is banned",
        0x8b => "the broker shuts down",
        0x8d => "nothing was heard from this client for too long",
        0x8e => "another client has connected with the same client id",
        0x8f => "the broker does not take this topic filter",
        0x90 => "the broker does not take this topic",
        0x93 => "more messages than it allows at a time",
        0x94 => "topic alias out of range",
        0x95 => "the packet is too large",
        0x96 => "too many messages in a short time",
        0x97 => "a quota is used up",
        0x98 => "disconnected by an administrator",
        0x99 => "the payload is not what it says it is",
        0x9a => "the broker keeps no retained messages",
        0x9b => "the broker does not support this QoS",
        0x9c => "another server is to be used",
        0x9d => "the server has moved",
        0x9e => "the broker has no shared subscriptions",
        0x9f => "too many connections in a short time",
        0xa1 => "the broker has no subscription identifiers",
        0xa2 => "the broker has no subscriptions with wildcards",
        _ => "a reason that this gateway does not know",
    }
}

/// The answer of MQTT 3.1.1 to a connection, as the code of MQTT 5 that means the same.
pub fn of_old_answer(code: u8) -> u8 {
    match code {
        0 => 0x00,
        1 => 0x84,
        2 => 0x85,
        3 => 0x88,
        4 => 0x86,
        5 => 0x87,
        other => other.max(0x80),
    }
}

/// The start of a text from outside, in one line.
pub fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
