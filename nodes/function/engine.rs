//! The interpreter, set up once for all function nodes.

use std::sync::{Arc, OnceLock};

use rhai::module_resolvers::StaticModuleResolver;
use rhai::packages::{Package, StandardPackage};
use rhai::{Engine, FuncRegistration, Module, OptimizationLevel, Scope, Shared};

use super::api::NodeApi;
use super::call::{self, Action, Outcome};
use super::context::{ContextApi, EnvApi};
use super::{api, bytes, context, guard, map, stats, text, words};
use crate::host::{self, Level};

/// A string, and all strings in a value together, in bytes.
const MAX_STRING: usize = 16 * 1024 * 1024;
/// All elements of an array with those of the arrays in it, and the bytes of a buffer. The interpreter walks a value
/// after each call that may have changed it: a `push` to an array of 10,000 takes some 5 us (help: use `map`, `array`).
const MAX_ARRAY: usize = 1024 * 1024;
/// All properties of a map with those of the maps in it.
const MAX_MAP: usize = 256 * 1024;
/// Functions that call functions; each level of them may hold a full expression, and all of it stands on the stack.
const MAX_CALLS: usize = 32;
const MAX_EXPRESSION: usize = 128;
const MAX_EXPRESSION_IN_FUNCTION: usize = 32;
const MAX_VARIABLES: usize = 4096;
const MAX_MODULES: usize = 64;

/// What every script sees, in its functions as well. `msg` comes on top.
pub fn constants() -> Scope<'static> {
    let mut constants = Scope::new();
    constants.push_constant("node", NodeApi);
    constants.push_constant("context", ContextApi(host::Scope::Node));
    constants.push_constant("flow", ContextApi(host::Scope::Flow));
    constants.push_constant("global", ContextApi(host::Scope::Global));
    constants.push_constant("env", EnvApi);
    constants
}

/// Two of the same kind: one looks at every variable that is read ([`guard::variable`]), one has no need to.
#[derive(Debug, Clone)]
pub struct Interpreter {
    pub guarded: Arc<Engine>,
    pub plain: Arc<Engine>,
}

/// The interpreter of all nodes that have no script modules of their own.
pub fn shared() -> Interpreter {
    static SHARED: OnceLock<Interpreter> = OnceLock::new();
    let make = || Interpreter { guarded: Arc::new(new(true)), plain: Arc::new(new(false)) };
    SHARED.get_or_init(make).clone()
}

/// One for a node with script modules: found by their names and nowhere else, and some by a name in the script. It is
/// always on guard: the loops may be in a module.
pub fn with_modules(modules: &StaticModuleResolver, names: &[(String, String)]) -> Interpreter {
    let mut engine = new(true);
    engine.set_module_resolver(modules.clone());
    for (variable, name) in names {
        if let Some((_, module)) = modules.iter().find(|(known, _)| known == name) {
            engine.register_static_module(variable, module.clone());
        }
    }
    let guarded = Arc::new(engine);
    Interpreter { plain: guarded.clone(), guarded }
}

fn new(guard: bool) -> Engine {
    static STANDARD: OnceLock<Shared<Module>> = OnceLock::new();
    let mut engine = Engine::new_raw();
    engine.register_global_module(STANDARD.get_or_init(|| StandardPackage::new().as_shared_module()).clone());
    // A table of strings behind a lock would be shared by all lanes.
    engine.set_max_strings_interned(0);
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_strict_variables(true);
    limit(&mut engine, guard);
    // Reading a property that is not in a map brings it from the object that the map stands for.
    engine.on_map_missing_property(|map, name, _| call::within(|call| call.property(map, name)));
    engine.on_print(|text| tell(Level::Info, text));
    engine.on_debug(|text, _, _| tell(Level::Debug, text));
    forbid(&mut engine);
    // Functions see no variables around them, but those of modules.
    let mut everywhere = Module::new();
    for (name, _, value) in constants().iter() {
        everywhere.set_var(name, value);
    }
    engine.register_global_module(everywhere.into());
    map::register(&mut engine);
    api::register(&mut engine);
    context::register(&mut engine);
    text::register(&mut engine);
    bytes::register(&mut engine);
    stats::register(&mut engine);
    engine
}

// Callbacks are marked deprecated to say that they may change.
#[allow(deprecated)]
fn limit(engine: &mut Engine, guard: bool) {
    engine
        .set_max_string_size(MAX_STRING)
        .set_max_array_size(MAX_ARRAY)
        .set_max_map_size(MAX_MAP)
        .set_max_call_levels(MAX_CALLS)
        .set_max_expr_depths(MAX_EXPRESSION, MAX_EXPRESSION_IN_FUNCTION)
        .set_max_variables(MAX_VARIABLES)
        .set_max_modules(MAX_MODULES)
        .on_progress(guard::operation)
        .on_parse_token(|token, _, _| words::token(token));
    if guard {
        engine.on_var(guard::variable);
    }
}

/// What blocks a lane, reads a clock that is not the engine's, or gets around the limits.
fn forbid(engine: &mut Engine) {
    engine.disable_symbol("eval").disable_symbol("curry");
    let why = "sleep is not available in a function: a delay node waits without blocking the flow";
    function(engine, "sleep", move |_: i64| -> Outcome<()> { Err(why.into()) });
    function(engine, "sleep", move |_: f64| -> Outcome<()> { Err(why.into()) });
    let why = "timestamp is not available in a function: now() gives the time in milliseconds";
    function(engine, "timestamp", move || -> Outcome<()> { Err(why.into()) });
}

fn tell(level: Level, text: &str) {
    // A script that logs too much hears of it at its next send; there is no way to say so from here.
    let _ = call::within(|call| call.act(Action::Log(level, text.to_string())));
}

/// Registers a function that may be called on constants as well: none of ours changes a constant.
pub fn function<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    engine: &mut Engine,
    name: &str,
    f: FUNC,
) where
    R: Clone + Send + Sync + 'static,
    FUNC: rhai::RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new(name).with_purity(true).with_volatility(true).register_into_engine(engine, f);
}

/// Registers a function that changes its first argument, which is refused on constants.
pub fn change<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    engine: &mut Engine,
    name: &str,
    f: FUNC,
) where
    R: Clone + Send + Sync + 'static,
    FUNC: rhai::RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new(name).with_purity(false).with_volatility(true).register_into_engine(engine, f);
}
