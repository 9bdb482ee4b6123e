//! AWS's stand-in by scripted clients: what moto lets pass is refused here.

use ss_clouds::spec::{Checked, check};
use ss_clouds::{Client, Cloud, Habits, Pace, Provider, Recorded, Response, Running};

const CONFIG: &str = "<DistributionConfig xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
    <CallerReference>REF</CallerReference>\
    <Origins><Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>b.s3.us-east-1.amazonaws.com</DomainName>\
    <S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig>\
    <OriginAccessControlId></OriginAccessControlId></Origin></Items></Origins>\
    <DefaultCacheBehavior><TargetOriginId>o</TargetOriginId>\
    <ViewerProtocolPolicy>https-only</ViewerProtocolPolicy></DefaultCacheBehavior>\
    <Comment>mine</Comment><Enabled>true</Enabled></DistributionConfig>";
const CONTROL: &str = "<OriginAccessControlConfig xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\">\
    <Name>one</Name><SigningProtocol>sigv4</SigningProtocol><SigningBehavior>always</SigningBehavior>\
    <OriginAccessControlOriginType>s3</OriginAccessControlOriginType></OriginAccessControlConfig>";

fn aws(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::aws(habits).start().expect("a free port");
    // Without a key in its habits the stand-in looks at the form of a signature alone.
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let authorization = "AWS4-HMAC-SHA256 Credential=AKID/20260427/us-east-1/s3/aws4_request, \
                         SignedHeaders=host;x-amz-date, Signature=0";
    let client = cloud.client().header("authorization", authorization).header("x-amz-date", &time);
    (cloud, client)
}

fn cloudfront(client: &Client) -> Client {
    client.clone().host("cloudfront.amazonaws.com")
}

fn send(client: &Client, method: &str, path: &str, body: &str) -> Response {
    client.send_text(method, path, body).expect("an answer")
}

fn at(client: &Client, method: &str, path: &str, body: &str) -> Response {
    send(&cloudfront(client), method, &format!("/2020-05-31{path}"), body)
}

fn with_version(client: &Client, version: &str) -> Client {
    client.clone().header("if-match", version)
}

fn version(response: &Response) -> String {
    response.header("etag").expect("a version").to_owned()
}

fn code(response: &Response) -> (u16, &str) {
    let code = response.text.split("<Code>").nth(1).and_then(|rest| rest.split('<').next());
    (response.status, code.unwrap_or_default())
}

fn id(response: &Response) -> String {
    response.text.split("<Id>").nth(1).and_then(|rest| rest.split('<').next()).expect("an id").to_owned()
}

#[test]
fn a_distribution_goes_only_disabled_deployed_and_by_its_newest_version() {
    let (cloud, client) = aws(Habits { pace: Pace::Requests(3), ..Habits::default() });
    let made = at(&client, "POST", "/distribution", CONFIG);
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/distribution/{}", id(&made));
    assert_eq!(code(&at(&client, "POST", "/distribution", CONFIG)), (409, "DistributionAlreadyExists"));
    assert_eq!(code(&at(&client, "DELETE", &path, "")), (400, "InvalidIfMatchVersion"));
    let versioned = with_version(&client, &version(&made));
    assert_eq!(code(&at(&versioned, "DELETE", &path, "")), (409, "DistributionNotDisabled"));
    let disabled = CONFIG.replace("<Enabled>true", "<Enabled>false");
    let config = format!("{path}/config");
    let stale = with_version(&client, "another");
    assert_eq!(code(&at(&stale, "PUT", &config, &disabled)), (412, "PreconditionFailed"));
    let renamed = disabled.replace("REF", "OTHER");
    assert_eq!(code(&at(&versioned, "PUT", &config, &renamed)), (400, "IllegalUpdate"));
    let updated = at(&versioned, "PUT", &config, &disabled);
    assert_eq!(updated.status, 200, "{}", updated.text);
    assert_ne!(version(&updated), version(&made), "every change has a version of its own");
    assert_eq!(code(&at(&versioned, "DELETE", &path, "")), (412, "PreconditionFailed"));
    let newest = with_version(&client, &version(&updated));
    assert_eq!(code(&at(&newest, "DELETE", &path, "")), (409, "DistributionNotDisabled"), "not deployed yet");
    while at(&client, "GET", &path, "").text.contains("<Status>InProgress") {}
    assert_eq!(at(&newest, "DELETE", &path, "").status, 204);
    assert_eq!(code(&at(&client, "GET", &path, "")), (404, "NoSuchDistribution"));
    assert_eq!(code(&at(&client, "POST", "/distribution", CONFIG)), (409, "DistributionAlreadyExists"));
    assert!(cloud.account().distributions.is_empty());
}

#[test]
fn quantities_aliases_and_access_controls_are_checked() {
    let (_cloud, client) = aws(Habits { pace: Pace::Immediate, ..Habits::default() });
    let wrong = CONFIG.replace("<Quantity>1", "<Quantity>2");
    assert_eq!(code(&at(&client, "POST", "/distribution", &wrong)), (400, "InconsistentQuantities"));
    let alias = "<Comment>mine</Comment><Aliases><Quantity>1</Quantity><Items><CNAME>a.example</CNAME></Items></Aliases>";
    let uncertified = CONFIG.replace("<Comment>mine</Comment>", alias);
    assert_eq!(code(&at(&client, "POST", "/distribution", &uncertified)), (400, "InvalidViewerCertificate"));
    let certificate = "<ViewerCertificate><ACMCertificateArn>arn</ACMCertificateArn></ViewerCertificate>";
    let certified = uncertified.replace("<Enabled>", &format!("{certificate}<Enabled>"));
    assert_eq!(at(&client, "POST", "/distribution", &certified).status, 201);
    let twin = certified.replace("REF", "REF2");
    assert_eq!(code(&at(&client, "POST", "/distribution", &twin)), (409, "CNAMEAlreadyExists"));
    let control = at(&client, "POST", "/origin-access-control", CONTROL);
    assert_eq!(control.status, 201);
    assert_eq!(
        code(&at(&client, "POST", "/origin-access-control", CONTROL)),
        (409, "OriginAccessControlAlreadyExists")
    );
    let uses = |control: &str| {
        let filled = format!("<OriginAccessControlId>{control}<");
        CONFIG.replace("REF", "REF3").replace("<OriginAccessControlId><", &filled)
    };
    assert_eq!(code(&at(&client, "POST", "/distribution", &uses("E0"))), (404, "InvalidOriginAccessControl"));
    assert_eq!(at(&client, "POST", "/distribution", &uses(&id(&control))).status, 201);
    let path = format!("/origin-access-control/{}", id(&control));
    let newest = with_version(&client, &version(&control));
    assert_eq!(code(&at(&client, "DELETE", &path, "")), (412, "PreconditionFailed"));
    assert_eq!(code(&at(&newest, "DELETE", &path, "")), (409, "OriginAccessControlInUse"));
}

#[test]
fn buckets_have_one_owner_one_region_and_no_public_policy_behind_a_block() {
    let (cloud, client) = aws(Habits { taken_names: vec!["theirs".into()], ..Habits::default() });
    let bucket = |name: &str, region: &str| client.clone().host(&format!("{name}.s3.{region}.amazonaws.com"));
    let here = |region: &str| {
        format!(
            "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    let theirs = bucket("theirs", "eu-west-1");
    assert_eq!(code(&send(&theirs, "PUT", "/", &here("eu-west-1"))), (409, "BucketAlreadyExists"));
    assert_eq!(code(&send(&theirs, "GET", "/?tagging", "")), (403, "AccessDenied"));
    let mine = bucket("mine", "eu-west-1");
    assert_eq!(code(&send(&mine, "PUT", "/", "")), (400, "IllegalLocationConstraintException"));
    assert_eq!(send(&mine, "PUT", "/", &here("eu-west-1")).status, 200);
    assert_eq!(code(&send(&mine, "PUT", "/", &here("eu-west-1"))), (409, "BucketAlreadyOwnedByYou"));
    assert_eq!(code(&send(&bucket("mine", "us-east-1"), "GET", "/?tagging", "")), (301, "PermanentRedirect"));
    assert_eq!(code(&send(&mine, "PUT", "/?policy", "{}")), (400, "InvalidRequest"), "no checksum");
    let mine = mine.header("x-amz-checksum-sha256", "x");
    let block = "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
    assert_eq!(send(&mine, "PUT", "/?publicAccessBlock", block).status, 200);
    let public = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}"#;
    assert_eq!(code(&send(&mine, "PUT", "/?policy", public)), (403, "AccessDenied"));
    assert_eq!(code(&send(&mine, "PUT", "/?policy", "{")), (400, "MalformedPolicy"));
    cloud.put_object("mine", "a/b");
    assert_eq!(code(&send(&mine, "DELETE", "/", "")), (409, "BucketNotEmpty"));
    assert_eq!(cloud.account().buckets[0].objects, ["a/b"]);
}

#[test]
fn signatures_are_judged() {
    let (_cloud, client) = aws(Habits { key: Some("AKID:secret".into()), ..Habits::default() });
    assert_eq!(code(&at(&client, "GET", "/distribution", "")), (403, "SignatureDoesNotMatch"));
    let (_cloud, client) = aws(Habits { key: Some("OTHER:secret".into()), ..Habits::default() });
    assert_eq!(code(&at(&client, "GET", "/distribution", "")), (403, "InvalidAccessKeyId"));
    let unsigned = client.clone().header("authorization", "Bearer x");
    assert_eq!(code(&at(&unsigned, "GET", "/distribution", "")), (403, "MissingAuthenticationToken"));
    let late = client.header("x-amz-date", "20130524T000000Z");
    assert_eq!(code(&at(&late, "GET", "/distribution", "")), (403, "RequestTimeTooSkewed"));
}

/// The checker must be able to fail: what is wrong on purpose has to be found.
#[test]
fn wrong_requests_are_found_by_the_models() {
    let (cloud, client) = aws(Habits::default());
    assert_eq!(at(&client, "POST", "/distribution", CONFIG).status, 201);
    let good = cloud.requests().remove(0);
    let Checked::Ran { violations, .. } = check(Provider::Aws, std::slice::from_ref(&good)).expect("usable")
    else {
        return;
    };
    assert_eq!(violations, []);
    let wrong = |place: &str, change: fn(&mut Recorded)| {
        let mut other = good.clone();
        change(&mut other);
        let Checked::Ran { violations, .. } = check(Provider::Aws, &[other]).expect("usable") else { return };
        assert!(
            violations.iter().any(|found| found.place.starts_with(place)),
            "not at {place}: {violations:?}"
        );
    };
    fn replace(recorded: &mut Recorded, from: &str, to: &str) {
        let body = recorded.body.as_ref().and_then(|body| body.as_str()).expect("XML").replace(from, to);
        recorded.body = Some(body.into());
    }
    wrong("request DistributionConfig/Coment", |r| replace(r, "Comment>", "Coment>"));
    wrong("request DistributionConfig/Comment", |r| replace(r, "<Comment>mine</Comment>", ""));
    wrong("request DistributionConfig/Enabled", |r| replace(r, "<Enabled>true", "<Enabled>yes"));
    wrong("request DistributionConfig/Origins/Quantity", |r| replace(r, "<Quantity>1", "<Quantity>one"));
    wrong("request DistributionConfig/Origins/Items/Orign", |r| replace(r, "Origin>", "Orign>"));
    wrong("request DistributionConfig/DefaultCacheBehavior/ViewerProtocolPolicy", |r| {
        replace(r, "https-only", "tls");
    });
    wrong("request", |r| replace(r, "DistributionConfig", "Distribution"));
    wrong("request", |r| r.body = None);
    wrong("request", |r| r.path = "/2020-05-31/distributions".to_owned());
    wrong("request", |r| r.method = "PATCH".to_owned());
    wrong("query", |r| r.query.push(("Marker".to_owned(), "x".to_owned())));
    wrong("header x-amz-invented", |r| r.headers.push(("x-amz-invented".to_owned(), "x".to_owned())));
    wrong("answer", |r| r.status = Some(200));
    wrong("answer Distribution", |r| r.answer = Some("<Distribution><Id>x</Id></Distribution>".into()));
}
