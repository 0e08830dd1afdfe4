//! What one call of a function node costs: `cargo run --release -p tidegate-nodes --example function_cost [NAME]`.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use serde_json::json;
use tidegate_nodes::cx::Cx;
use tidegate_nodes::message::Message;
use tidegate_nodes::node::{Kind, Transform};
use tidegate_nodes::testing::{MemoryHost, config};
use tidegate_nodes::value::{Object, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let alarm = json!({"_msgid": "0123456789abcdef", "topic": "site/7/alarm", "payload": {
        "alarm_id": 312, "site": "hcmc-7", "severity": "major", "value": 57.5, "limit": 40, "text": "rectifier fault",
        "raised_at": 1_763_600_000_123i64, "cleared": false
    }});
    let records = json!({"_msgid": "1", "topic": "t", "payload": {"list":
        (0..1000).map(|n| json!({"id": n, "value": n as f64 / 3.0, "name": "sensor"})).collect::<Vec<_>>()
    }});
    let cases = [
        ("nothing at all", "", &alarm),
        ("nothing: `msg`", "msg", &alarm),
        ("filter: one field", "if msg.payload.alarm_id == 312 { msg }", &alarm),
        ("filter: one field, else nothing", "if msg.payload.alarm_id == 313 { msg }", &alarm),
        ("set one field", "msg.payload.seen = true; msg", &alarm),
        (
            "compare one, set two",
            "if msg.payload.value > 50 { msg.payload.high = true; msg.topic = \"high\"; } msg",
            &alarm,
        ),
        (
            "read four, compare, build an object",
            "if msg.payload.value > msg.payload.limit { #{topic: \"alarm\", payload: #{id: msg.payload.alarm_id, site: msg.payload.site, over: msg.payload.value - msg.payload.limit}} }",
            &alarm,
        ),
        ("string method", "msg.topic = msg.topic.to_upper(); msg", &alarm),
        ("untouched payload in a new message", "#{payload: msg.payload}", &records),
        ("one of 1,000 objects", "msg.payload.list[500].value", &records),
        (
            "sum over 1,000 objects",
            "let sum = 0.0; for record in msg.payload.list { sum += record.value; } #{payload: sum}",
            &records,
        ),
        ("map over 1,000 objects", "#{payload: msg.payload.list.map(|r| r.value * 2.0)}", &records),
        ("count in context", "context.set(\"n\", (context.get(\"n\") ?? 0) + 1); msg", &alarm),
        ("build: 1,000 pushes", "let a = []; for i in 0..1000 { a.push(i); } #{payload: a}", &alarm),
        ("build: 10,000 pushes", "let a = []; for i in 0..10000 { a.push(i); } #{payload: a}", &alarm),
        ("build: array(10000, |i| i)", "#{payload: array(10000, |i| i)}", &alarm),
    ];
    println!("{:>10.0} ns  a junction: what measuring costs", cost("junction", "", &alarm));
    let only = std::env::args().nth(1).unwrap_or_default();
    for (name, script, message) in cases.into_iter().filter(|(name, ..)| name.contains(&only)) {
        println!("{:>10.0} ns  {name}", cost("function", script, message));
    }
}

fn cost(node: &str, script: &str, message: &serde_json::Value) -> f64 {
    let mut host = MemoryHost::default();
    let mut node = build(node, script, &host);
    node.start(&mut Cx::new(&mut host, Default::default(), Default::default())).expect("it starts");
    let Value::Object(object) = Value::from(message) else { panic!("a message is an object") };
    // Short rounds, the best of many: what else runs on the machine disturbs some of them only.
    run(&mut *node, &mut host, &object, 20);
    let calls = (100_000.0 / run(&mut *node, &mut host, &object, 20)).clamp(1.0, 500.0) as u32;
    let start = Instant::now();
    let mut best = f64::MAX;
    while start.elapsed().as_millis() < 700 {
        best = best.min(run(&mut *node, &mut host, &object, calls));
    }
    best
}

fn build(node: &str, script: &str, host: &MemoryHost) -> Box<dyn Transform> {
    let config = config(node, json!({"lang": "rhai", "func": script}), host);
    let built = (tidegate_nodes::find(node).expect("it is there").build)(&config);
    match built.map(|built| built.kind) {
        Ok(Kind::Transform(node)) => node,
        _ => panic!("refused: {script}"),
    }
}

fn run(node: &mut dyn Transform, host: &mut MemoryHost, object: &Object, calls: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        let message = Message::new(object.clone());
        let (token, meta) = (message.token.clone(), message.meta.clone());
        let mut cx = Cx::new(host, token, meta);
        let result = node.handle(&mut Some(message), &mut cx);
        black_box(cx.finish());
        black_box(&result);
        host.sent.clear();
        host.errors.clear();
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}
