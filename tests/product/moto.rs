//! Buckets and distributions at moto, which others wrote, and read back with boto3, AWS's own client.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::environment::python_with;
use crate::{Output, TestEnvironment};

/// What is installed, by name, with pip.
const PACKAGES: [&str; 2] = ["moto[server]==5.2.5", "boto3"];

/// What reads back: prints what there is as JSON.
const READER: &str = r#"
import boto3, json, sys
url, bucket = sys.argv[1:]
make = lambda name: boto3.client(name, endpoint_url=url, region_name="eu-west-1",
    aws_access_key_id="AKIDREADER", aws_secret_access_key="reader")
s3, cloudfront = make("s3"), make("cloudfront")
items = cloudfront.list_distributions()["DistributionList"].get("Items", [])
configs = [cloudfront.get_distribution_config(Id=item["Id"])["DistributionConfig"] for item in items]
print(json.dumps({
    "buckets": [one["Name"] for one in s3.list_buckets()["Buckets"]],
    "location": s3.get_bucket_location(Bucket=bucket)["LocationConstraint"],
    "tags": s3.get_bucket_tagging(Bucket=bucket)["TagSet"],
    "block": s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"],
    "versioning": s3.get_bucket_versioning(Bucket=bucket).get("Status"),
    "encryption": s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0],
    "policy": json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"]),
    "ids": [item["Id"] for item in items],
    "arns": [item["ARN"] for item in items],
    "configs": configs,
    "controls": [one["Name"] for one in cloudfront.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])],
}))
"#;

/// What lists everything: buckets, distributions, origin access controls.
const LISTER: &str = r#"
import boto3, json, sys
make = lambda name: boto3.client(name, endpoint_url=sys.argv[1], region_name="eu-west-1",
    aws_access_key_id="AKIDREADER", aws_secret_access_key="reader")
s3, cloudfront = make("s3"), make("cloudfront")
print(json.dumps([
    [one["Name"] for one in s3.list_buckets()["Buckets"]],
    [one["Id"] for one in cloudfront.list_distributions()["DistributionList"].get("Items", [])],
    [one["Id"] for one in cloudfront.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])],
]))
"#;

/// The documents' way to say it: a bucket and its distribution as one service.
const SYSTEM: &str = "name: my-app
services:
  site:
    type: cdn
    provision:
      provider: aws
      resource: s3-cloudfront
      bucket: my-app-site
      region: eu-west-1
      versioning: true
      encryption: AES256
      error_page: /404.html
      tags:
        team: web
";

/// A folder with Python, moto and boto3 in it; none if they cannot be had.
fn python() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(|| python_with("moto", &PACKAGES, "bin/moto_server")).as_deref()
}

/// moto at work. It stops when this is dropped.
pub struct Moto {
    child: Child,
    port: u16,
    folder: &'static Path,
}

impl Moto {
    /// None if moto cannot be had.
    pub fn start() -> Option<Self> {
        let folder = python()?;
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let child = Command::new(folder.join("bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let moto = Self { child, port, folder };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "moto does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(moto)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The list of its buckets, as S3 has it.
    pub fn buckets(&self) -> String {
        use std::io::{Read as _, Write as _};
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("moto");
        let key = "AWS4-HMAC-SHA256 Credential=AKIDREADER/20260101/eu-west-1/s3/aws4_request";
        let head = format!("GET / HTTP/1.0\r\nHost: s3.amazonaws.com\r\nAuthorization: {key}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    /// Names of the buckets, distributions and origin access controls that there are.
    fn left(&self) -> serde_json::Value {
        let output = Command::new(self.folder.join("bin/python"))
            .args(["-c", LISTER, &self.url()])
            .output()
            .expect("Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// What AWS's own client sees.
    fn read_back(&self, bucket: &str) -> serde_json::Value {
        let output = Command::new(self.folder.join("bin/python"))
            .args(["-c", READER, &self.url(), bucket])
            .output()
            .expect("Python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn succeed(environment: &TestEnvironment) -> Output {
    environment.succeed(&["provision"])
}

#[test]
fn a_site_at_moto_read_back_with_boto3() {
    let Some(moto) = Moto::start() else { return };
    let mut environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", SYSTEM);
    environment.set("STARSYSTEM_ENDPOINT_AWS", &moto.url());
    environment.succeed(&["vault", "set-key", "aws", "access_key_id", "AKIAIOSFODNN7EXAMPLE"]);
    environment.succeed(&[
        "vault",
        "set",
        "AWS_SECRET_ACCESS_KEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ]);
    succeed(&environment);
    let seen = moto.read_back("my-app-site");
    assert_eq!(seen["buckets"], serde_json::json!(["my-app-site"]));
    assert_eq!(
        (seen["location"].as_str(), seen["versioning"].as_str()),
        (Some("eu-west-1"), Some("Enabled"))
    );
    assert_eq!(seen["encryption"]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256");
    let block = seen["block"].as_object().expect("a block");
    assert!(block.len() == 4 && block.values().all(|value| value == true), "{block:?}");
    let tags = seen["tags"].to_string();
    assert!(tags.contains("my-app/local/site") && tags.contains("web"), "{tags}");
    let statement = &seen["policy"]["Statement"][0];
    assert_eq!(statement["Condition"]["StringEquals"]["AWS:SourceArn"], seen["arns"][0]);
    let config = &seen["configs"][0];
    let origin = &config["Origins"]["Items"][0];
    assert_eq!(origin["DomainName"], "my-app-site.s3.eu-west-1.amazonaws.com");
    assert_eq!(seen["controls"].as_array().map(Vec::len), Some(1));
    // Which control an origin uses moto forgets; the stand-in in `aws` does not.
    assert_eq!(config["DefaultRootObject"], "index.html");
    assert_eq!(config["Enabled"], true);

    // A further run writes nothing but that control.
    let again = succeed(&environment);
    let changes: Vec<&str> = again.raw.lines().filter(|line| line.contains(" → ")).collect();
    assert!(matches!(changes[..], [one] if one.contains("origin_access_control: − →")), "{}", again.raw);
    assert_eq!(moto.left()[1].as_array().map(Vec::len), Some(1));
    environment.write("starsystem.yaml", &SYSTEM.replace("versioning: true", "versioning: false"));
    let changed = succeed(&environment);
    assert!(changed.raw.contains("Bucket versioning set"), "{}", changed.raw);
    let seen = moto.read_back("my-app-site");
    assert_eq!(seen["versioning"], "Suspended");
    assert_eq!(seen["ids"].as_array().map(Vec::len), Some(1));

    environment.succeed(&["destroy", "--yes"]);
    assert_eq!(moto.left(), serde_json::json!([[], [], []]));
}
