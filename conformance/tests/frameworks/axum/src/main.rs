//! The documented API on axum: jsonwebtoken, extractors, documents that belong to organizations.

mod auth;
mod faults;
mod operations;
mod routes;
mod rules;
mod settings;

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::ServiceExt;
use axum::extract::Request;
use tokio::net::TcpListener;
use tower::Layer;
use tower_http::normalize_path::NormalizePathLayer;

use auth::Service;
use settings::Settings;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let mut service = Service::new(Settings::from_environment());
    if service.settings.has("operations") {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, service.settings.port)).await?;
        return axum::serve(listener, operations::create_api(service.settings.has("compression"))).await;
    }
    let fault = service.settings.fault.clone();
    if let Some(fault) = &fault {
        faults::switch_on(fault, &mut service);
    }
    let service = Arc::new(service);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, service.settings.port)).await?;
    let mut app = routes::create(Arc::clone(&service));
    if let Some(fault) = &fault {
        app = faults::wrap(fault, app, &service);
    }
    if service.settings.has("normalize-path") {
        let app = NormalizePathLayer::trim_trailing_slash().layer(app);
        return axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await;
    }
    axum::serve(listener, app).await
}
