//! The properties of a broker as they stand in the flow, and as a message with `action: "connect"` changes them.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::NodeError;
use crate::read;

/// As in the flow. It is also what a person may send in `msg.broker`, so names are Node-RED's.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Raw {
    #[serde(deserialize_with = "read::text")]
    pub url: String,
    #[serde(deserialize_with = "read::text")]
    pub broker: String,
    #[serde(deserialize_with = "read::maybe_number")]
    pub port: Option<f64>,
    #[serde(deserialize_with = "read::boolean")]
    pub usetls: bool,
    #[serde(deserialize_with = "read::text")]
    pub tls: String,
    #[serde(deserialize_with = "read::text")]
    pub clientid: String,
    #[serde(rename = "autoConnect", deserialize_with = "read::boolean")]
    pub auto_connect: bool,
    #[serde(rename = "autoUnsubscribe", deserialize_with = "read::boolean")]
    pub auto_unsubscribe: bool,
    #[serde(deserialize_with = "read::boolean")]
    pub compatmode: bool,
    #[serde(rename = "protocolVersion", deserialize_with = "read::maybe_number")]
    pub protocol_version: Option<f64>,
    #[serde(deserialize_with = "read::maybe_number")]
    pub keepalive: Option<f64>,
    #[serde(deserialize_with = "read::boolean")]
    pub cleansession: bool,
    #[serde(
        rename = "sessionExpiry",
        alias = "sessionExpiryInterval",
        deserialize_with = "read::maybe_number"
    )]
    pub session_expiry: Option<f64>,
    #[serde(rename = "userProps", alias = "userProperties")]
    pub user_props: Json,
    #[serde(rename = "topicAliasMaximum", deserialize_with = "read::maybe_number")]
    pub topic_alias_maximum: Option<f64>,
    #[serde(rename = "maximumPacketSize", deserialize_with = "read::maybe_number")]
    pub maximum_packet_size: Option<f64>,
    #[serde(rename = "receiveMaximum", deserialize_with = "read::maybe_number")]
    pub receive_maximum: Option<f64>,
    #[serde(rename = "birthTopic", deserialize_with = "read::text")]
    pub birth_topic: String,
    #[serde(rename = "birthQos", deserialize_with = "read::maybe_number")]
    pub birth_qos: Option<f64>,
    #[serde(rename = "birthRetain", deserialize_with = "read::boolean")]
    pub birth_retain: bool,
    #[serde(rename = "birthPayload")]
    pub birth_payload: Json,
    #[serde(rename = "birthMsg")]
    pub birth_msg: Json,
    #[serde(rename = "closeTopic", deserialize_with = "read::text")]
    pub close_topic: String,
    #[serde(rename = "closeQos", deserialize_with = "read::maybe_number")]
    pub close_qos: Option<f64>,
    #[serde(rename = "closeRetain", deserialize_with = "read::boolean")]
    pub close_retain: bool,
    #[serde(rename = "closePayload")]
    pub close_payload: Json,
    #[serde(rename = "closeMsg")]
    pub close_msg: Json,
    #[serde(rename = "willTopic", deserialize_with = "read::text")]
    pub will_topic: String,
    #[serde(rename = "willQos", deserialize_with = "read::maybe_number")]
    pub will_qos: Option<f64>,
    #[serde(rename = "willRetain", deserialize_with = "read::boolean")]
    pub will_retain: bool,
    #[serde(rename = "willPayload")]
    pub will_payload: Json,
    #[serde(rename = "willMsg")]
    pub will_msg: Json,
    pub credentials: Credentials,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Credentials {
    #[serde(deserialize_with = "read::text")]
    pub user: String,
    #[serde(deserialize_with = "read::text")]
    pub password: String,
}

impl Default for Raw {
    fn default() -> Raw {
        Raw {
            url: String::new(),
            broker: String::new(),
            port: None,
            usetls: false,
            tls: String::new(),
            clientid: String::new(),
            auto_connect: true,
            auto_unsubscribe: true,
            compatmode: false,
            protocol_version: None,
            keepalive: None,
            cleansession: true,
            session_expiry: None,
            user_props: Json::Null,
            topic_alias_maximum: None,
            maximum_packet_size: None,
            receive_maximum: None,
            birth_topic: String::new(),
            birth_qos: None,
            birth_retain: false,
            birth_payload: Json::Null,
            birth_msg: Json::Null,
            close_topic: String::new(),
            close_qos: None,
            close_retain: false,
            close_payload: Json::Null,
            close_msg: Json::Null,
            will_topic: String::new(),
            will_qos: None,
            will_retain: false,
            will_payload: Json::Null,
            will_msg: Json::Null,
            credentials: Credentials::default(),
        }
    }
}

impl Raw {
    /// What a message with `action: "connect"` says in `msg.broker`, on top of this.
    pub fn changed_by(&self, change: &Json) -> Result<Raw, NodeError> {
        let wrong = |error: serde_json::Error| NodeError::rejected(format!("msg.broker: {error}"));
        let Json::Object(changes) = change else {
            return Err(NodeError::rejected("msg.broker is not an object"));
        };
        let said: Raw = serde_json::from_value(change.clone()).map_err(wrong)?;
        let mut raw = self.clone();
        for key in changes.keys() {
            match key.as_str() {
                "url" => raw.url = said.url.clone(),
                "broker" => (raw.broker, raw.url) = (said.broker.clone(), String::new()),
                "port" => raw.port = said.port,
                "usetls" => raw.usetls = said.usetls,
                "clientid" => raw.clientid = said.clientid.clone(),
                "autoConnect" => raw.auto_connect = said.auto_connect,
                "autoUnsubscribe" => raw.auto_unsubscribe = said.auto_unsubscribe,
                "compatmode" => raw.compatmode = said.compatmode,
                "protocolVersion" => raw.protocol_version = said.protocol_version,
                "keepalive" => raw.keepalive = said.keepalive,
                "cleansession" => raw.cleansession = said.cleansession,
                "sessionExpiry" | "sessionExpiryInterval" => raw.session_expiry = said.session_expiry,
                "userProps" | "userProperties" => raw.user_props = said.user_props.clone(),
                "topicAliasMaximum" => raw.topic_alias_maximum = said.topic_alias_maximum,
                "maximumPacketSize" => raw.maximum_packet_size = said.maximum_packet_size,
                "receiveMaximum" => raw.receive_maximum = said.receive_maximum,
                _ => {}
            }
        }
        let text = |key: &str| changes.get(key).and_then(Json::as_str).map(str::to_string);
        raw.credentials.user = text("username").unwrap_or(raw.credentials.user);
        raw.credentials.password = text("password").unwrap_or(raw.credentials.password);
        for (kind, topic, qos, retain, payload, properties) in [
            (
                "birth",
                &mut raw.birth_topic,
                &mut raw.birth_qos,
                &mut raw.birth_retain,
                &mut raw.birth_payload,
                &mut raw.birth_msg,
            ),
            (
                "close",
                &mut raw.close_topic,
                &mut raw.close_qos,
                &mut raw.close_retain,
                &mut raw.close_payload,
                &mut raw.close_msg,
            ),
            (
                "will",
                &mut raw.will_topic,
                &mut raw.will_qos,
                &mut raw.will_retain,
                &mut raw.will_payload,
                &mut raw.will_msg,
            ),
        ] {
            let Some(said) = changes.get(kind) else { continue };
            *topic = said["topic"].as_str().unwrap_or_default().to_string();
            *qos = read::maybe_number(&said["qos"]).map_err(wrong)?;
            *retain = read::boolean(&said["retain"]).map_err(wrong)?;
            *payload = said["payload"].clone();
            *properties = said["properties"].clone();
        }
        Ok(raw)
    }
}
