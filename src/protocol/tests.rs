use super::messages::api_versions::ApiVersionsRequest;
use super::messages::metadata::{MetadataRequest, MetadataResponse};
use super::*;

#[test]
fn a_header_is_read_as_it_was_written() {
    for api in ApiKey::ALL {
        for version in api.versions() {
            let header = RequestHeader {
                api: *api,
                version,
                correlation_id: 7,
                client_id: Some("client".to_owned()),
            };
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            assert_eq!(RequestHeader::read(&bytes).unwrap(), (header, bytes.len()));
        }
    }
}

#[test]
fn a_request_in_a_version_to_come_is_still_answered() {
    let mut bytes = Vec::new();
    RequestHeader {
        api: ApiKey::ApiVersions,
        version: 99,
        correlation_id: 1,
        client_id: None,
    }
    .write(&mut bytes);
    let (header, _) = RequestHeader::read(&bytes).unwrap();
    assert!(!header.is_known_version());
}

#[test]
fn what_follows_a_request_is_ignored() {
    // As librdkafka 2.16 asks for all topics in version 13: with three bytes more.
    let request = MetadataRequest::default();
    let mut body = Vec::new();
    request.encode(13, &mut body).unwrap();
    body.extend([0, 0, 0]);
    assert_eq!(MetadataRequest::decode(&body, 13).unwrap(), request);
}

#[test]
fn a_count_makes_no_room_for_what_is_not_there() {
    // 2^31 - 1 topics in a request of a few bytes.
    let body = [0x7f, 0xff, 0xff, 0xff, 0, 0];
    let error = <MetadataRequest as Request>::decode(&body, 1).unwrap_err();
    assert!(error.to_string().contains("2147483647"), "{error}");
}

#[test]
fn every_message_comes_back_in_every_version() {
    for version in 0..=4 {
        let request = ApiVersionsRequest::default();
        let mut bytes = Vec::new();
        request.encode(version, &mut bytes).unwrap();
        assert_eq!(
            ApiVersionsRequest::decode(&bytes, version).unwrap(),
            request
        );
    }
    for version in 0..=13 {
        let response = MetadataResponse::default();
        let mut bytes = Vec::new();
        response.encode(version, &mut bytes).unwrap();
        let again = MetadataResponse::decode(&bytes, version).unwrap();
        assert_eq!(again.brokers, response.brokers);
    }
}
