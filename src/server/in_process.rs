//! An HTTP client for the AWS SDK that hands requests to a server of the same process, without a socket.

use crate::http::{InProcess, Unanswered};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;
use std::time::Duration;

/// Hands requests over, and waits for their answers as long as the SDK is set to.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    server: Arc<InProcess>,
    read_timeout: Option<Duration>,
}

impl Connector {
    pub(super) fn new(server: InProcess) -> Connector {
        Connector { server: Arc::new(server), read_timeout: None }
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let answer = self.server.answer(request, self.read_timeout).await.map_err(|unanswered| match unanswered {
            Unanswered::TooLate => ConnectorError::timeout(unanswered.into()),
            // As the SDK takes the end of a connection: it tries again.
            Unanswered::OnPurpose | Unanswered::ServerEnded => ConnectorError::io(unanswered.into()),
        })?;
        HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().answer(request))
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector { server: self.server.clone(), read_timeout: settings.read_timeout() })
    }
}
