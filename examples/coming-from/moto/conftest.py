import pytest
from moto import mock_aws


@pytest.fixture
def kew_and_moto(kew, monkeypatch):
    """SQS by kew, all else by moto."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", kew.env["AWS_ENDPOINT_URL"])
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws(config={"core": {"mock_credentials": False}}):
        yield kew
