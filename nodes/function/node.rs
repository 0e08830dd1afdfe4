//! Function: runs a script for each message.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rhai::{Dynamic, Scope as Variables};
use serde::Deserialize;

use super::call::{Action, Call, Phase};
use super::engine;
use super::guard::Budget;
use super::script::{self, Script};
use crate::cx::Cx;
use crate::descriptor::{Category, Descriptor, Field, FieldKind, Outputs, Role};
use crate::error::NodeError;
use crate::host::Status;
use crate::message::Message;
use crate::node::{Built, NodeConfig, NodeType, Transform};
use crate::read;
use crate::value::Object;

pub const NODE: NodeType = NodeType { descriptor: &DESCRIPTOR, build };

const LIB_FIELDS: &[Field] = &[
    Field::text("var", "Name", "The name in the script: `name::f(x)` calls the module's function `f`.")
        .required(),
    Field::text("module", "Module", "Which of the modules it is.").required(),
];

static DESCRIPTOR: Descriptor = Descriptor {
    type_name: "function",
    category: Category::Function,
    summary: "Runs a script for each message.",
    help: include_str!("function.md"),
    examples: include_str!("function.examples.json"),
    inputs: 1,
    outputs: Outputs::Field("outputs"),
    role: Role::Transform,
    fields: &[
        Field::choice(
            "lang",
            &[("rhai", "Rhai")],
            "Language",
            "What the script is written in. Functions from Node-RED have no language set and are JavaScript, which this build does not run: they are refused until they are written in Rhai.",
        )
        .default("\"rhai\"")
        .required(),
        Field::new("func", FieldKind::Code("rhai"), "On message", "Runs for each message, which is `msg`. What it returns is sent on.")
            .default("\"msg\""),
        Field::new("initialize", FieldKind::Code("rhai"), "On start", "Runs once when the node starts, before any message.")
            .default("\"\""),
        Field::new("finalize", FieldKind::Code("rhai"), "On stop", "Runs once when the node stops. It cannot send.")
            .default("\"\""),
        Field::integer("outputs", "Outputs", "How many outputs the node has. A returned array has an entry for each.")
            .default("1")
            .range(0.0, 500.0),
        Field::number("timeout", "Time limit", "Seconds that one run may take; 0 is the gateway's limit.")
            .default("0")
            .at_least(0.0),
        Field::new("modules", FieldKind::Json, "Modules", "Scripts with functions for this one, by name: {\"units\": \"fn kelvin(c) { c + 273.15 }\"}.")
            .default("{}"),
        Field::list("libs", LIB_FIELDS, "Names for modules", "Gives modules a name in the scripts, without an `import`.")
            .default("[]"),
        Field::integer("noerr", "Errors", "How many mistakes the editor found in the script when it was saved. Nothing depends on it.")
            .default("0"),
    ],
};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    lang: Option<String>,
    #[serde(default, deserialize_with = "read::text")]
    func: String,
    #[serde(default, deserialize_with = "read::text")]
    initialize: String,
    #[serde(default, deserialize_with = "read::text")]
    finalize: String,
    #[serde(default = "one", deserialize_with = "read::count")]
    outputs: usize,
    #[serde(default, deserialize_with = "read::number")]
    timeout: f64,
    #[serde(default)]
    modules: BTreeMap<String, String>,
    #[serde(default)]
    libs: Vec<Lib>,
}

#[derive(Deserialize)]
struct Lib {
    #[serde(default)]
    var: String,
    #[serde(default)]
    module: String,
}

fn one() -> usize {
    1
}

fn build(config: &NodeConfig) -> Result<Built, NodeError> {
    let c: Config = config.read()?;
    match c.lang.as_deref() {
        Some("rhai") => {}
        None | Some("" | "javascript") => {
            let error = "this function is written in JavaScript, which this build does not run: write it in Rhai and set lang to \"rhai\"";
            return Err(NodeError::config("/lang", error));
        }
        Some(other) => {
            let error = format!("unknown language \"{other}\": set lang to \"rhai\"");
            return Err(NodeError::config("/lang", error));
        }
    }
    if !(0.0..=86_400.0).contains(&c.timeout) {
        return Err(NodeError::config("/timeout", "the time limit is from 0 to 86400 seconds"));
    }
    let time = if c.timeout > 0.0 { Duration::from_secs_f64(c.timeout) } else { config.settings.script_time };
    let budget = Budget { operations: config.settings.script_operations, time, reads: 1 };
    let names = names_of_modules(&c)?;
    let interpreter = script::engine_for(&c.modules, &names, budget)
        .map_err(|(name, error)| NodeError::config(format!("/modules/{}", escape(&name)), error))?;

    let outputs = c.outputs.max(config.outputs);
    let mut variables = engine::constants();
    let optional = |pointer: &str, source: &str| {
        let script = || Script::new(&interpreter, source, &variables, budget);
        (!source.trim().is_empty()).then(script).transpose().map_err(|e| NodeError::config(pointer, e))
    };
    let (setup, finish) = (optional("/initialize", &c.initialize)?, optional("/finalize", &c.finalize)?);
    // Last, so that it is found first.
    variables.push_dynamic("msg", Dynamic::UNIT);
    let func = Script::new(&interpreter, &c.func, &variables, budget)
        .map_err(|error| NodeError::config("/func", error))?;
    let call = Call { id: config.id.clone(), name: config.name.clone(), outputs, ..Call::default() };
    Ok(Built::transform(Function {
        func,
        setup,
        finish,
        base: variables.len(),
        variables,
        call: Some(Box::new(call)),
        waiting: VecDeque::new(),
        shows_status: false,
    }))
}

fn names_of_modules(config: &Config) -> Result<Vec<(String, String)>, NodeError> {
    let mut names = Vec::new();
    for (at, lib) in config.libs.iter().enumerate() {
        let plain = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !plain(&lib.var) {
            let error = format!("\"{}\" is no name: use letters, digits and _", lib.var);
            return Err(NodeError::config(format!("/libs/{at}/var"), error));
        }
        if !config.modules.contains_key(&lib.module) {
            let error =
                format!("there is no module \"{}\" in modules: packages are not installed", lib.module);
            return Err(NodeError::config(format!("/libs/{at}/module"), error));
        }
        names.push((lib.var.clone(), lib.module.clone()));
    }
    Ok(names)
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct Function {
    func: Script,
    setup: Option<Script>,
    finish: Option<Script>,
    /// The constants of the script and `msg`; what a run adds is taken off again.
    variables: Variables<'static>,
    base: usize,
    /// Away while a script runs.
    call: Option<Box<Call>>,
    /// What the setup sent and found no credit for.
    waiting: VecDeque<(usize, Object)>,
    shows_status: bool,
}

impl Transform for Function {
    fn start(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        if let Some(call) = &mut self.call {
            call.around = Some(cx.surroundings());
            call.seed = cx.random();
        }
        let Some(setup) = self.setup.take() else { return Ok(()) };
        let result = self.run_alone(&setup, Phase::Setup, cx);
        self.resume(cx)?;
        result.map_err(|error| NodeError::fatal(format!("the setup failed: {error}")))
    }

    fn handle(&mut self, msg: &mut Option<Message>, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        let Some(message) = msg else { return Ok(()) };
        let mut call = self.call.take().unwrap_or_default();
        call.begin(Phase::Message);
        if self.func.asks_time {
            call.now_ms = cx.wall_ms();
        }
        let root = call.map(message.value.clone());
        self.set_message(Dynamic::from_map(root));
        self.call = Some(call);
        let result = self.func.run(&mut self.call, &mut self.variables);
        let mut call = self.call.take().unwrap_or_default();
        self.variables.rewind(self.base);
        let root = self.take_message();

        // Complete and Catch see the message as the script left it.
        let root = root.as_map_ref().ok();
        let left = root.as_ref().and_then(|map| call.sources.object(map).ok());
        let result = result.and_then(|returned| {
            let left = root.as_deref().zip(left.as_ref());
            call.send(&returned, left).map_err(|error| self.func.explain(*error))
        });
        // What was asked for before an error is done all the same.
        for action in call.actions.drain(..) {
            self.tell(action, Some(message), cx);
        }
        if let Some(value) = left.filter(|value| !value.same(&message.value)) {
            message.value = value;
            cx.done_with(message);
        }
        if self.func.says_done && !call.done {
            cx.not_done();
        }
        // A reference kept would make the next node copy what it changes.
        call.sources.clear();
        self.call = Some(call);
        result.map_err(NodeError::rejected)
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Result<(), NodeError> {
        while let Some((port, object)) = self.waiting.front() {
            if !cx.originate(*port, object.clone()) {
                break;
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Cx<'_>) {
        if let Some(finish) = self.finish.take()
            && let Err(error) = self.run_alone(&finish, Phase::Close, cx)
        {
            cx.error(NodeError::rejected(error), None);
        }
        if self.shows_status {
            cx.status(Status::clear());
        }
    }
}

impl Function {
    /// Runs a script that has no message.
    fn run_alone(&mut self, script: &Script, phase: Phase, cx: &mut Cx<'_>) -> Result<(), String> {
        let mut call = self.call.take().unwrap_or_default();
        call.begin(phase);
        call.now_ms = cx.wall_ms();
        self.call = Some(call);
        let result = script.run(&mut self.call, &mut self.variables);
        let mut call = self.call.take().unwrap_or_default();
        self.variables.rewind(self.base);
        for action in call.actions.drain(..) {
            match action {
                Action::Send(port, mut object) => {
                    object.insert("_msgid", cx.new_id());
                    self.waiting.push_back((usize::from(port), object));
                }
                action => self.tell(action, None, cx),
            }
        }
        call.sources.clear();
        self.call = Some(call);
        result.map(|_| ())
    }

    fn tell(&mut self, action: Action, about: Option<&Message>, cx: &mut Cx<'_>) {
        match action {
            Action::Send(port, object) => {
                if let Some(message) = about {
                    cx.send(usize::from(port), message.with(with_id_of(message, object)));
                }
            }
            Action::Status(status) => {
                self.shows_status = true;
                cx.status(status);
            }
            Action::Log(level, text) => cx.log(level, &text),
            Action::Error(text, of) => {
                let message = of.map(|object| match about {
                    Some(message) => message.with(object),
                    None => cx.message(object),
                });
                cx.error(NodeError::rejected(text), message);
            }
        }
    }

    fn set_message(&mut self, message: Dynamic) {
        if let Some(variable) = self.variables.get_mut("msg") {
            *variable = message;
        }
    }

    fn take_message(&mut self) -> Dynamic {
        // A closure that used it made it shared.
        self.variables.get_mut("msg").map(std::mem::take).unwrap_or_default().flatten()
    }
}

/// All that a function sends in a call carries the id of the message that it was called with, as in Node-RED.
fn with_id_of(message: &Message, mut object: Object) -> Object {
    if let Some(id) = message.get("_msgid")
        && object.get("_msgid") != Some(id)
    {
        object.insert("_msgid", id.clone());
    }
    object
}
