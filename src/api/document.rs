//! What the API says about itself: an OpenAPI 3.1 document, made from the same lines that the routes are made from, so that
//! neither has what the other has not.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use serde_json::json;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, Object, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr};
use utoipa::{__dev::SchemaReferences, Path, ToSchema};

use super::fault::Told;
use super::gateway::Gateway;
use crate::access::Permission;

/// Routes, and what is said of them.
pub struct Served {
    router: Router<Gateway>,
    paths: PathsBuilder,
    schemas: Vec<(String, RefOr<Schema>)>,
}

const BEARER: &str = "bearer";

impl Served {
    pub fn new() -> Served {
        let mut served = Served { router: Router::new(), paths: PathsBuilder::new(), schemas: Vec::new() };
        served.schema::<Told>();
        served
    }

    /// Serves what a handler's description says. `faults`: the statuses that it can answer with, beside those that come of
    /// the permission and of the disk. Without a permission it is for everybody.
    pub fn add<P, T>(
        mut self,
        needs: impl Into<Option<Permission>>,
        faults: &[u16],
        handler: impl Handler<T, Gateway>,
    ) -> Served
    where
        P: Path + SchemaReferences,
        T: 'static,
    {
        let (path, needs) = (P::path(), needs.into());
        for method in P::methods() {
            self.router = self.router.route(&path, on(filter(&method), handler.clone()));
            let mut operation = P::operation();
            operation.operation_id = Some(name(&method, &path));
            describe(&mut operation, needs, faults);
            self.paths = self.paths.path(path.clone(), PathItem::new(method, operation));
        }
        P::schemas(&mut self.schemas);
        self
    }

    /// Tells of a type that no route has in its body.
    pub fn schema<S: ToSchema>(&mut self) {
        self.schemas.push((S::name().into_owned(), S::schema()));
        S::schemas(&mut self.schemas);
    }

    /// Names that two different types have: one of them would be described as the other.
    #[cfg(test)]
    pub fn clashes(&self) -> Vec<&str> {
        let mut known = std::collections::HashMap::new();
        let clash = |(name, schema): &'_ &(String, RefOr<Schema>)| {
            let schema = json!(schema);
            *known.entry(name.clone()).or_insert_with(|| schema.clone()) != schema
        };
        self.schemas.iter().filter(clash).map(|(name, _)| name.as_str()).collect()
    }

    pub fn into_parts(self) -> (Router<Gateway>, OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
            "A token of `tidegate token create`, or one that POST /auth/token gave for a name and a password. Browsers \
             send the cookie of a session instead.",
        ));
        let components = ComponentsBuilder::new()
            .schemas_from_iter(self.schemas)
            .security_scheme(BEARER, SecurityScheme::Http(scheme.build()))
            .build();
        let info = InfoBuilder::new()
            .title("Tidegate")
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(
                "The gateway's own API. Errors have one shape, `Fault`. docs/api.md tells the rest in words.",
            ))
            .build();
        let document = OpenApiBuilder::new()
            .info(info)
            .paths(self.paths.build())
            .components(Some(components))
            .security(Some([SecurityRequirement::new(BEARER, Vec::<String>::new())]))
            .build();
        (self.router, document)
    }
}

/// `get_revisions_number_diff`: handlers of several resources are called alike.
fn name(method: &HttpMethod, path: &str) -> String {
    let method = json!(method).as_str().unwrap_or_default().to_string();
    let parts = path.trim_start_matches("/api/v1/").split('/');
    parts.fold(method, |name, part| {
        format!("{name}_{}", part.trim_matches(['{', '}']).replace(['-', '.'], "_"))
    })
}

fn describe(operation: &mut Operation, needs: Option<Permission>, faults: &[u16]) {
    let (needs, of_access): (String, &[u16]) = match needs {
        Some(needs) => (format!("{needs:?}").to_lowercase(), &[401, 403]),
        None => ("none".to_string(), &[]),
    };
    let text = operation.description.take().map_or_else(String::new, |text| format!("{text}\n\n"));
    operation.description = Some(format!("{text}The permission that it needs: *{needs}*."));
    if of_access.is_empty() {
        operation.security = Some(vec![SecurityRequirement::default()]);
    }
    operation.extensions = Some(ExtensionsBuilder::new().add("x-permission", json!(needs)).build());
    let takes_body = operation.request_body.is_some();
    let of_bodies: &[u16] = if takes_body { &[408, 413] } else { &[] };
    let mut statuses: Vec<u16> =
        [500, 503].iter().chain(of_access).chain(faults).chain(of_bodies).copied().collect();
    statuses.sort_unstable();
    for status in statuses {
        operation.responses.responses.insert(status.to_string(), RefOr::T(fault(status)));
    }
}

fn fault(status: u16) -> utoipa::openapi::Response {
    let text = match status {
        400 => "What was sent makes no sense",
        401 => "Log in first",
        403 => "They may not do that",
        404 => "There is no such thing",
        408 => "The body takes too long",
        409 => "It does not go with what is there",
        413 => "The body is too large",
        415 => "The body is of another kind than JSON",
        422 => "What was sent is JSON, and cannot be used",
        429 => "Too many tries: wait",
        503 => "Not now: try again",
        _ => "It failed: the gateway's log says why",
    };
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Fault"))).build();
    let mut response = ResponseBuilder::new().description(text).content("application/json", content);
    if matches!(status, 429 | 503) {
        let seconds = Object::with_type(SchemaType::Type(Type::Integer));
        let header = HeaderBuilder::new().schema(seconds).description(Some("Seconds to wait")).build();
        response = response.header("retry-after", header);
    }
    response.build()
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}
