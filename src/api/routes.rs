//! Who serves what: the handlers of nodes, in the order of the nodes.

use std::sync::{Arc, PoisonError, RwLock};

use tidegate_nodes::value::Object;
use tidegate_nodes::web::{Handler, Head, Requests, Sockets};
use tokio::sync::watch;

#[derive(Default)]
pub struct Routes {
    all: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    routes: Vec<Arc<Route>>,
}

pub struct Route {
    pub number: u64,
    order: u64,
    pub handler: Handler,
    /// The node is gone.
    ended: watch::Sender<bool>,
}

impl Route {
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    pub async fn ended(&self) {
        // The sender is in the route, which the caller holds.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

/// Who serves a request, if anybody does.
pub enum Found {
    Requests(Arc<Route>, Arc<dyn Requests>, Object),
    Nobody,
}

impl Routes {
    pub fn add(&self, order: u64, handler: Handler) -> (Arc<Route>, u64) {
        let mut table = self.all.write().unwrap_or_else(PoisonError::into_inner);
        table.next += 1;
        let number = table.next;
        let route = Arc::new(Route { number, order, handler, ended: watch::Sender::new(false) });
        let at = table.routes.partition_point(|before| before.order <= order);
        table.routes.insert(at, route.clone());
        (route, number)
    }

    pub fn remove(&self, number: u64) {
        let mut table = self.all.write().unwrap_or_else(PoisonError::into_inner);
        table.routes.retain(|route| route.number != number);
    }

    /// The first that serves this request.
    pub fn requests(&self, head: &Head) -> Found {
        for route in self.snapshot() {
            if let Handler::Requests(requests) = &route.handler
                && let Some(params) = requests.matches(head)
            {
                let requests = requests.clone();
                return Found::Requests(route, requests, params);
            }
        }
        Found::Nobody
    }

    /// The first that takes this connection over.
    pub fn sockets(&self, head: &Head) -> Option<Arc<dyn Sockets>> {
        self.snapshot().iter().find_map(|route| match &route.handler {
            Handler::Sockets(sockets) if sockets.matches(head) => Some(sockets.clone()),
            _ => None,
        })
    }

    /// The methods that are served on the path of this request.
    pub fn methods(&self, head: &Head) -> Vec<&'static str> {
        let mut methods = Vec::new();
        for route in self.snapshot() {
            if let Handler::Requests(requests) = &route.handler {
                let all = requests.methods(head).into_iter().flat_map(|all| all.split(','));
                methods.extend(all.filter(|method| !methods.contains(method)).collect::<Vec<_>>());
            }
        }
        methods
    }

    /// Patterns of users are matched outside of the lock.
    fn snapshot(&self) -> Vec<Arc<Route>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).routes.clone()
    }
}

#[cfg(test)]
mod tests {
    use tidegate_nodes::web::{Answer, Request};

    use super::*;

    /// Serves everything, and says by which it was.
    struct All(&'static str);

    impl Requests for All {
        fn matches(&self, _head: &Head) -> Option<Object> {
            Some([("by", self.0)].into_iter().collect())
        }

        fn methods(&self, _head: &Head) -> Option<&'static str> {
            Some(self.0)
        }

        fn has_room(&self) -> bool {
            true
        }

        fn take(&self, _request: Request) -> Result<(), Answer> {
            Ok(())
        }
    }

    fn head() -> Head {
        Head {
            method: "GET".into(),
            target: "/".into(),
            version: "1.1",
            headers: Vec::new(),
            peer: ([127, 0, 0, 1], 1).into(),
        }
    }

    fn first(routes: &Routes) -> Option<String> {
        match routes.requests(&head()) {
            Found::Requests(_, _, params) => Some(params.get("by")?.to_text().to_string()),
            Found::Nobody => None,
        }
    }

    #[test]
    fn the_first_in_the_document_serves_whichever_opened_first() {
        let routes = Routes::default();
        assert_eq!(first(&routes), None);
        let mut numbers = Vec::new();
        for (order, name) in [(2, "second"), (9, "third"), (1, "first")] {
            numbers.push(routes.add(order, Handler::Requests(Arc::new(All(name)))).1);
        }
        assert_eq!(first(&routes).as_deref(), Some("first"));
        assert_eq!(routes.methods(&head()), ["first", "second", "third"]);
        routes.remove(numbers[2]);
        assert_eq!(first(&routes).as_deref(), Some("second"));
    }
}
