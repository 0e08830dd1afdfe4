//! The HTTP listener in memory: a test asks, looks what the node got, and what was answered.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::NodeError;
use crate::message::Outcome;
use crate::value::Str;
use crate::web::{Answer, Answered, Handler, Head, Http, Request, Served, Settled, When};

#[derive(Clone, Default)]
pub struct MemoryHttp(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    handlers: BTreeMap<usize, Handler>,
    next: usize,
    answers: BTreeMap<Str, Vec<(Answer, When)>>,
    settled: BTreeMap<Str, Outcome>,
}

impl MemoryHttp {
    /// A request as it comes from a client: its id, or the answer that it gets at once.
    pub fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Str, Answer> {
        let headers = headers.iter().map(|(name, value)| (Str::new(name), Str::new(value))).collect();
        let head = Head {
            method: Str::new(method),
            target: Str::new(target),
            version: "1.1",
            headers,
            peer: ([127, 0, 0, 1], 40_000).into(),
        };
        let (handlers, id) = {
            let mut state = self.lock();
            state.next += 1;
            let handlers: Vec<Handler> = state.handlers.values().cloned().collect();
            (handlers, Str::from(format!("request{}", state.next)))
        };
        for handler in handlers {
            if let Handler::Requests(requests) = handler
                && let Some(params) = requests.matches(&head)
            {
                if !requests.has_room() {
                    return Err(Answer::busy());
                }
                let head = Arc::new(head);
                let request =
                    Request { id: id.clone(), head, params, body: body.to_vec(), place: Box::new(()) };
                return requests.take(request).map(|()| id);
            }
        }
        Err(Answer::text(404, "nothing is served here\n"))
    }

    /// What was answered to a request, the first answer first.
    pub fn answers(&self, id: &str) -> Vec<(Answer, When)> {
        self.lock().answers.get(id).cloned().unwrap_or_default()
    }

    pub fn settled(&self, id: &str) -> Option<Outcome> {
        self.lock().settled.get(id).copied()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

impl Http for MemoryHttp {
    fn serve(&self, _order: u64, handler: Handler) -> Result<Served, NodeError> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.handlers.insert(number, handler);
        Ok(Box::new(Serving { http: self.clone(), number }) as Box<dyn Any + Send>)
    }

    fn answer(&self, id: &str, answer: Answer, when: When) -> Answered {
        let mut state = self.lock();
        let answers = state.answers.entry(Str::new(id)).or_default();
        answers.push((answer, when));
        if answers.len() == 1 { Answered::Taken } else { Answered::Before }
    }

    fn settle(&self, id: &str, outcome: Outcome) -> Settled {
        let mut state = self.lock();
        state.settled.insert(Str::new(id), outcome);
        if state.answers.contains_key(id) { Settled::Answered } else { Settled::Unanswered }
    }

    fn body_limit(&self) -> usize {
        5 * 1024 * 1024
    }
}

struct Serving {
    http: MemoryHttp,
    number: usize,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.http.lock().handlers.remove(&self.number);
    }
}
