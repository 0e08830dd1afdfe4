//! A script, compiled once: what it needs, and running it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, Scope};

use super::call::{self, Call, Phase};
use super::engine::{self, Interpreter};
use super::guard::{self, Budget};
use super::survey::{Survey, Written};
use super::value::Sources;
use super::{fault, words};

/// Shorter than this a script without loops and functions cannot nest a value deep enough to matter.
const SHORT: usize = 2_000;

#[derive(Debug)]
pub struct Script {
    engine: Arc<Engine>,
    ast: AST,
    budget: Budget,
    /// It says itself when it is done with a message.
    pub says_done: bool,
    /// It may ask for the time.
    pub asks_time: bool,
    written: Arc<Written>,
}

/// The interpreter of a node: the shared one, or one with script modules, some of them by a name in the script. The
/// error says in which module it is.
pub fn engine_for(
    modules: &BTreeMap<String, String>,
    names: &[(String, String)],
    budget: Budget,
) -> Result<Interpreter, (String, String)> {
    if modules.is_empty() {
        return Ok(engine::shared());
    }
    let mut ready = StaticModuleResolver::new();
    let mut rest: Vec<(&String, &String)> = modules.iter().collect();
    // A module may import others: those that need none first, then those that need these.
    while !rest.is_empty() {
        let interpreter = engine::with_modules(&ready, &[]);
        let mut failed = None;
        let before = rest.len();
        rest.retain(|(name, source)| match compile_module(&interpreter.guarded, name, source, budget) {
            Ok(module) => {
                ready.insert(name.as_str(), module);
                false
            }
            Err(error) => {
                failed.get_or_insert((name.to_string(), error));
                true
            }
        });
        if let Some(error) = failed.filter(|_| rest.len() == before) {
            return Err(error);
        }
    }
    Ok(engine::with_modules(&ready, names))
}

/// Modules stand alone: they do not see the node, and their constants are computed here, once.
fn compile_module(interpreter: &Engine, name: &str, source: &str, budget: Budget) -> Result<Module, String> {
    words::start();
    let mut ast = interpreter
        .compile_with_scope(&engine::constants(), source)
        .map_err(|error| fault::syntax(&error))?;
    let survey = Survey::of(&ast);
    survey.refuse()?;
    ast.set_source(name);
    guard::start(&Budget { reads: Budget::reads(survey.longest), ..budget });
    call::enter(Box::new(Call { phase: Phase::Module, sources: Sources::eager(), ..Call::default() }));
    let module = Module::eval_ast_as_new(Scope::new(), &ast, interpreter);
    let module = module.map_err(|error| fault::runtime(*error, &budget));
    call::leave();
    module
}

impl Script {
    /// Compiles a script that sees these constants and variables. The error says where it is wrong.
    pub fn new(
        interpreter: &Interpreter,
        source: &str,
        scope: &Scope<'_>,
        budget: Budget,
    ) -> Result<Script, String> {
        words::start();
        let ast =
            interpreter.plain.compile_with_scope(scope, source).map_err(|error| fault::syntax(&error))?;
        let survey = Survey::of(&ast);
        survey.refuse()?;
        let repeats = survey.loops || ast.has_functions() || source.len() > SHORT;
        let engine = if repeats { &interpreter.guarded } else { &interpreter.plain }.clone();
        let reads = Budget::reads(survey.longest);
        // A function may also be named by a text that the script puts together.
        let asks_time = ["now", "iso", "Fn", "import", "::"].iter().any(|word| source.contains(word));
        // What is written in modules is not known here.
        let alone = !Arc::ptr_eq(&interpreter.guarded, &interpreter.plain);
        let written = Arc::new(if alone { survey.written } else { Written::All });
        Ok(Script {
            engine,
            ast,
            budget: Budget { reads, ..budget },
            says_done: survey.done,
            asks_time,
            written,
        })
    }

    pub fn explain(&self, error: EvalAltResult) -> String {
        fault::runtime(error, &self.budget)
    }

    /// Runs it.
    pub fn run(&self, call: &mut Option<Box<Call>>, scope: &mut Scope<'_>) -> Result<Dynamic, String> {
        let mut mine = call.take().unwrap_or_default();
        if !Arc::ptr_eq(&mine.written, &self.written) {
            mine.written = self.written.clone();
        }
        call::enter(mine);
        let result = self.evaluate(scope);
        *call = Some(call::leave());
        result
    }

    fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Dynamic, String> {
        guard::start(&self.budget);
        self.engine
            .eval_ast_with_scope::<Dynamic>(scope, &self.ast)
            .map_err(|error| fault::runtime(*error, &self.budget))
    }
}
