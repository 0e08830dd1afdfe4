//! What nodes show on the dashboard, for those who look. Only they cost anything: a node keeps what it shows to itself.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_nodes::shown::Shown;
use tidegate_nodes::value::{Object, Str, Value};

#[derive(Default)]
pub struct Screens(RwLock<Table>);

#[derive(Default)]
struct Table {
    next: u64,
    screens: BTreeMap<Str, Screen>,
}

/// What one node shows.
#[derive(Clone)]
pub struct Screen {
    /// A node that has begun anew counts its changes from the start again; by this it is told from the one before.
    number: u64,
    shown: Arc<dyn Shown>,
}

/// How far somebody has seen a widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    number: u64,
    mark: u64,
}

impl Screen {
    /// What has changed since the last look: all of it where it was not seen before.
    pub fn look(&self, seen: &mut Option<Seen>) -> Option<Object> {
        let before = seen.filter(|seen| seen.number == self.number).map(|seen| seen.mark);
        let view = self.shown.view(before)?;
        *seen = Some(Seen { number: self.number, mark: view.mark });
        Some(view.value)
    }
}

impl Screens {
    /// The node of this id shows this from now on, or nothing.
    pub(super) fn set(&self, node: &Str, shown: Option<Arc<dyn Shown>>) {
        let Some(shown) = shown else {
            // Most nodes show nothing, and did not before.
            if self.0.read().unwrap_or_else(PoisonError::into_inner).screens.contains_key(node) {
                self.retain(|id| id != node.as_str());
            }
            return;
        };
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        table.next += 1;
        let number = table.next;
        table.screens.insert(node.clone(), Screen { number, shown });
    }

    /// Forgets nodes that are gone.
    pub(super) fn retain(&self, runs: impl Fn(&str) -> bool) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).screens.retain(|node, _| runs(node));
    }

    /// Those that there are, by their nodes.
    pub fn all(&self) -> BTreeMap<Str, Screen> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).screens.clone()
    }

    /// What a widget may be set to; an error where it does not take that. `None`: no node of this id shows anything.
    pub fn accepts(&self, node: &str, value: &Value) -> Option<Result<Value, String>> {
        let screen = self.0.read().unwrap_or_else(PoisonError::into_inner).screens.get(node).cloned();
        screen.map(|screen| screen.shown.accepts(value))
    }
}

#[cfg(test)]
mod tests {
    use tidegate_nodes::shown::{Draw, Screen as Widget};

    use super::*;

    struct Number(i64);

    impl Draw for Number {
        fn draw(&self, since: Option<u64>) -> Object {
            [("value", Value::Int(self.0)), ("all", Value::Bool(since.is_none()))].into_iter().collect()
        }
    }

    #[test]
    fn each_change_is_seen_once_and_a_node_that_begins_anew_is_seen_whole() {
        let (screens, id) = (Screens::default(), Str::new("a"));
        let widget = Arc::new(Widget::new(Number(1)));
        screens.set(&id, Some(widget.clone()));
        let mut looked = None;
        let mut look = || {
            let view = screens.all().get("a")?.look(&mut looked)?;
            Some((view.get("value").cloned(), view.get("all").cloned()))
        };
        let seen = |value, all| Some((Some(Value::Int(value)), Some(Value::Bool(all))));
        assert_eq!(look(), seen(1, true));
        assert_eq!(look(), None);
        widget.change(|number, _| number.0 = 2);
        widget.change(|number, _| number.0 = 3);
        assert_eq!(look(), seen(3, false));
        // Built again: as many changes as before, and yet another one.
        let anew = Arc::new(Widget::new(Number(7)));
        (0..2).for_each(|_| anew.change(|_, _| ()));
        screens.set(&id, Some(anew));
        assert_eq!(look(), seen(7, true));
        assert_eq!(screens.accepts("a", &Value::Null).map(|accepted| accepted.is_err()), Some(true));
        screens.set(&id, None);
        assert_eq!(look(), None);
        assert!(screens.accepts("a", &Value::Null).is_none());
    }
}
