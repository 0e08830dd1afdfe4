//! The dashboard, as one client sees it.

use std::collections::BTreeMap;

use tidegate_nodes::cx::weight;
use tidegate_nodes::value::{Object, Str};

use super::messages::Told;
use super::own::put;
use super::socket::{Ended, Socket};
use crate::engine::{Screens, Seen};

/// A message is sent when it has become so large: charts and tables of a whole dashboard are not in memory at once.
const LARGE: u32 = 64 * 1024;

/// How far the client has seen each widget.
#[derive(Default)]
pub struct Widgets(BTreeMap<Str, Option<Seen>>);

impl Widgets {
    /// Tells what has changed since the last time; of a widget that was not seen yet, all.
    pub async fn tell(&mut self, screens: &Screens, socket: &mut Socket) -> Result<(), Ended> {
        let screens = screens.all();
        self.0.retain(|node, _| screens.contains_key(node));
        let mut widgets: BTreeMap<Str, Object> = BTreeMap::new();
        let mut bytes = 0;
        for (node, screen) in screens {
            let Some(view) = screen.look(self.0.entry(node.clone()).or_default()) else { continue };
            bytes += weight(&view);
            widgets.insert(node, view);
            if bytes > LARGE {
                bytes = 0;
                put(socket, &Told::Dashboard { widgets: std::mem::take(&mut widgets) }).await?;
            }
        }
        match widgets.is_empty() {
            true => Ok(()),
            false => put(socket, &Told::Dashboard { widgets }).await,
        }
    }
}
