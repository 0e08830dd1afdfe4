//! `tidegate run --mqtt ADDRESS`: the node `mqtt-server`, without a flow around it.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{anyhow, bail};
use serde_json::json;
use tidegate_nodes::host::Settings;
use tidegate_nodes::node::NodeConfig;
use tidegate_nodes::value::{Str, Value};

use crate::engine::{Engine, NodeRef};

const NODE: &str = "mqtt-server";
/// Its id among nodes, and in the names of its logs. Ids that editors make have no spaces.
const ID: &str = "the gateway";

/// Starts the broker. It ends with the engine.
pub fn start(engine: &Engine, address: SocketAddr, settings: &Settings) -> anyhow::Result<()> {
    let Some(node_type) = tidegate_nodes::find(NODE) else {
        bail!("this gateway is built without the MQTT broker");
    };
    let insecure = settings.other.get("insecure_listen") == Some(&Value::Bool(true));
    if !address.ip().is_loopback() && !insecure {
        bail!(
            "--mqtt {address} would let anybody in: listen on 127.0.0.1, put an mqtt-server with users into the flow, or say --insecure-listen"
        );
    }
    let properties = json!({"host": address.ip().to_string(), "port": address.port(), "anonymous": "true"});
    let config = NodeConfig {
        id: Str::new(ID),
        type_name: Str::new(NODE),
        name: Str::default(),
        flow: Str::default(),
        outputs: 0,
        properties: properties.as_object().cloned().unwrap_or_default(),
        settings: Arc::new(settings.clone()),
    };
    let built = (node_type.build)(&config).map_err(|error| anyhow!("--mqtt {address}: {error}"))?;
    let node = NodeRef {
        id: config.id,
        document_id: Str::new(ID),
        type_name: config.type_name,
        name: Str::default(),
        flow: Str::default(),
    };
    engine.open_beside(node, built);
    eprintln!("an MQTT broker listens on {address}");
    Ok(())
}
