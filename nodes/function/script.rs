//! A script, compiled once: what it needs, and running it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::module_resolvers::StaticModuleResolver;
use rhai::{AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, Module, Position, Scope, Stmt};

use super::call::{self, Call};
use super::guard::{self, Budget};
use super::value::Sources;
use super::{engine, fault, words};

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
}

/// The interpreter of a node: the shared one, or one with script modules, some of them by a name in the script. The
/// error says in which module it is.
pub fn engine_for(
    modules: &BTreeMap<String, String>,
    names: &[(String, String)],
    budget: Budget,
) -> Result<Arc<Engine>, (String, String)> {
    if modules.is_empty() {
        return Ok(engine::shared());
    }
    let mut ready = StaticModuleResolver::new();
    let mut rest: Vec<(&String, &String)> = modules.iter().collect();
    // A module may import others: those that need none first, then those that need these.
    while !rest.is_empty() {
        let engine = engine::with_modules(ready.clone());
        let mut failed = None;
        let before = rest.len();
        rest.retain(|(name, source)| match compile_module(&engine, name, source, budget) {
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
    let mut engine = engine::with_modules(ready.clone());
    for (variable, name) in names {
        if let Some((_, module)) = ready.iter().find(|(known, _)| known == name) {
            engine.register_static_module(variable, module.clone());
        }
    }
    Ok(Arc::new(engine))
}

/// Modules stand alone: they do not see the node, and their constants are computed here, once.
fn compile_module(interpreter: &Engine, name: &str, source: &str, budget: Budget) -> Result<Module, String> {
    words::start();
    let mut ast = interpreter
        .compile_with_scope(&engine::constants(), source)
        .map_err(|error| fault::syntax(&error))?;
    let survey = Survey::of(&ast);
    if let Some(at) = survey.this {
        return Err(this_is_refused(at));
    }
    ast.set_source(name);
    guard::start(&Budget { reads: Some(Budget::reads(survey.longest)), ..budget });
    call::enter(Box::new(Call { sources: Sources::eager(), ..Call::default() }));
    let module = Module::eval_ast_as_new(Scope::new(), &ast, interpreter);
    let module = module.map_err(|error| fault::runtime(*error, &budget));
    call::leave();
    module
}

fn this_is_refused(at: Position) -> String {
    format!(
        "`this` is not available: give the function what it needs as a parameter{}",
        fault::place(at, None)
    )
}

impl Script {
    /// Compiles a script that sees these constants and variables. The error says where it is wrong.
    pub fn new(
        engine: Arc<Engine>,
        source: &str,
        scope: &Scope<'_>,
        budget: Budget,
    ) -> Result<Script, String> {
        words::start();
        let ast = engine.compile_with_scope(scope, source).map_err(|error| fault::syntax(&error))?;
        let survey = Survey::of(&ast);
        if let Some(at) = survey.this {
            return Err(this_is_refused(at));
        }
        if let Some(at) = message_in_function(&ast) {
            let text = "functions do not see msg: give them what they need as a parameter";
            return Err(format!("{text}{}", fault::place(at, None)));
        }
        let repeats = survey.loops || ast.has_functions() || source.len() > SHORT;
        let reads = repeats.then(|| Budget::reads(survey.longest));
        // A function may also be named by a text that the script puts together.
        let asks_time = ["now", "iso", "Fn", "import", "::"].iter().any(|word| source.contains(word));
        Ok(Script { engine, ast, budget: Budget { reads, ..budget }, says_done: survey.done, asks_time })
    }

    pub fn explain(&self, error: EvalAltResult) -> String {
        fault::runtime(error, &self.budget)
    }

    /// Runs it. The call at hand must have been entered.
    pub fn run(&self, scope: &mut Scope<'_>) -> Result<Dynamic, String> {
        guard::start(&self.budget);
        self.engine
            .eval_ast_with_scope::<Dynamic>(scope, &self.ast)
            .map_err(|error| fault::runtime(*error, &self.budget))
    }
}

/// What a look over the whole script tells.
#[derive(Default)]
struct Survey {
    loops: bool,
    done: bool,
    /// Where `this` is used.
    this: Option<Position>,
    /// The most expressions inside one another.
    longest: usize,
}

impl Survey {
    fn of(ast: &AST) -> Survey {
        let mut survey = Survey::default();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            survey.longest = survey.longest.max(path.len());
            match path.last() {
                Some(ASTNode::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..))) => survey.loops = true,
                Some(ASTNode::Expr(Expr::ThisPtr(at))) => survey.this = survey.this.or(Some(*at)),
                Some(ASTNode::Expr(Expr::Dot(pair, ..))) => survey.done |= is_done(&pair.lhs, &pair.rhs),
                _ => {}
            }
            true
        });
        survey
    }
}

/// `node.done()`
fn is_done(lhs: &Expr, rhs: &Expr) -> bool {
    match (lhs, rhs) {
        (Expr::Variable(variable, ..), Expr::MethodCall(call, _)) => {
            variable.1 == "node" && call.name == "done" && call.args.is_empty()
        }
        _ => false,
    }
}

/// Where a function reads `msg` without having it as a parameter; closures, which capture it, have it as one.
fn message_in_function(ast: &AST) -> Option<Position> {
    for function in ast.iter_functions().filter(|function| !function.params.contains(&"msg")) {
        let alone = ast.clone_functions_only_filtered(|_, _, script, name, params| {
            script && name == function.name && params == function.params.len()
        });
        let mut found = None;
        alone.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Expr(Expr::Variable(variable, index, at))) = path.last()
                && variable.1 == "msg"
                && variable.0.is_none()
                && index.is_none()
            {
                found = Some(*at);
            }
            found.is_none()
        });
        if found.is_some() {
            return found;
        }
    }
    None
}
