//! The gateway's own API: deploys with probation, revisions, how it fares, what it keeps, and who may do what. Each route
//! stands here once, with what it needs and how it can fail; router and document are made of it.

#![allow(unused_qualifications, reason = "what describes a route writes them out")]

mod aids;
mod alarms;
mod dashboard;
mod deploys;
mod ledger;
mod logs;
mod nodes;
mod outboxes;
mod problems;
mod records;
mod revisions;
mod session;
mod status;
mod system;
mod tokens;
mod users;

use axum::Json;
use utoipa::openapi::OpenApi;

use super::access::Read;
use super::document::Served;
use super::live;
pub use problems::{NodeTrouble, troubles};

use crate::access::Permission::{Admin, Dashboard, Deploy, Operate, Payloads, Read as Look};

pub fn served() -> Served {
    let mut served = Served::new()
        .add::<__path_document, _>(Look, &[], document)
        .add::<session::__path_log_in, _>(None, &[400, 401, 403, 429], session::log_in)
        .add::<session::__path_who, _>(Dashboard, &[], session::who)
        .add::<session::__path_log_out, _>(Dashboard, &[], session::log_out)
        .add::<session::__path_change_password, _>(Dashboard, &[400, 415, 422, 429], session::change_password)
        .add::<status::__path_status, _>(Look, &[], status::status)
        .add::<status::__path_health, _>(Look, &[], status::health)
        .add::<problems::__path_problems, _>(Look, &[], problems::problems)
        .add::<system::__path_system, _>(Look, &[], system::system)
        .add::<nodes::__path_nodes, _>(Look, &[], nodes::nodes)
        .add::<nodes::__path_node, _>(Look, &[404], nodes::node)
        .add::<aids::__path_functions, _>(Look, &[], aids::functions)
        .add::<aids::__path_check, _>(Deploy, &[400, 415, 422], aids::check)
        .add::<aids::__path_preview, _>(Deploy, &[400, 415, 422], aids::preview)
        .add::<deploys::__path_flows, _>(Look, &[], deploys::flows)
        .add::<deploys::__path_validate, _>(Deploy, &[400], deploys::validate)
        .add::<deploys::__path_deploy, _>(Deploy, &[400, 409], deploys::deploy)
        .add::<revisions::__path_all, _>(Look, &[400], revisions::all)
        .add::<revisions::__path_one, _>(Look, &[404], revisions::one)
        .add::<revisions::__path_change, _>(Deploy, &[400, 404, 409, 415, 422], revisions::change)
        .add::<revisions::__path_flows, _>(Look, &[404], revisions::flows)
        .add::<revisions::__path_diff, _>(Look, &[400, 404], revisions::diff)
        .add::<revisions::__path_roll_back, _>(Deploy, &[400, 404, 409], revisions::roll_back)
        .add::<revisions::__path_confirm, _>(Deploy, &[404, 409], revisions::confirm)
        .add::<logs::__path_all, _>(Look, &[], logs::all)
        .add::<logs::__path_read, _>(Payloads, &[400, 404], logs::read)
        .add::<outboxes::__path_all, _>(Look, &[], outboxes::all)
        .add::<outboxes::__path_peek, _>(Payloads, &[400, 404], outboxes::peek)
        .add::<outboxes::__path_dead, _>(Payloads, &[400], outboxes::dead)
        .add::<outboxes::__path_retry, _>(Deploy, &[400, 404, 409], outboxes::retry)
        .add::<outboxes::__path_purge, _>(Deploy, &[400, 404], outboxes::purge)
        .add::<ledger::__path_ledger, _>(Look, &[400], ledger::ledger)
        .add::<alarms::__path_all, _>(Look, &[], alarms::all)
        .add::<alarms::__path_acknowledge, _>(Deploy, &[404], alarms::acknowledge)
        .add::<alarms::__path_shelve, _>(Deploy, &[400, 404, 415, 422], alarms::shelve)
        .add::<users::__path_all, _>(Admin, &[], users::all)
        .add::<users::__path_add, _>(Admin, &[400, 409, 415, 422], users::add)
        .add::<users::__path_change, _>(Admin, &[400, 404, 409, 415, 422], users::change)
        .add::<users::__path_remove, _>(Admin, &[404, 409], users::remove)
        .add::<tokens::__path_all, _>(Admin, &[], tokens::all)
        .add::<tokens::__path_add, _>(Admin, &[400, 409, 415, 422], tokens::add)
        .add::<tokens::__path_remove, _>(Admin, &[404], tokens::remove)
        .add::<status::__path_audit, _>(Admin, &[400], status::audit)
        .add::<dashboard::__path_dashboard, _>(Dashboard, &[], dashboard::dashboard)
        .add::<dashboard::__path_operate, _>(Operate, &[400, 404, 415, 422, 429], dashboard::operate)
        .add::<live::__path_live, _>(Dashboard, &[400], live::live);
    served.schema::<live::Said>();
    served.schema::<live::Told>();
    served
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "gateway", responses((status = 200, body = Object, description = "OpenAPI 3.1")))]
async fn document(_: Read) -> Json<OpenApi> {
    Json(openapi())
}

/// What the API says about itself.
pub fn openapi() -> OpenApi {
    served().into_parts().1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_types_are_described_by_one_name() {
        assert_eq!(served().clashes(), [""; 0]);
    }
}
