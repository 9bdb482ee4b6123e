//! The examples that AWS publishes, with the example keys of its documentation.

use std::cell::RefCell;

use super::*;

/// Keeps what a host would seal, and makes HMACs as RFC 2104 says.
#[derive(Default)]
struct Open(RefCell<Vec<Vec<u8>>>);

impl Open {
    fn seal(&self, secret: &[u8]) -> String {
        let mut secrets = self.0.borrow_mut();
        secrets.push(secret.to_vec());
        (secrets.len() - 1).to_string()
    }

    fn mac(&self, key: &str, prefix: &str, data: &str) -> Vec<u8> {
        let sealed = self.0.borrow()[key.parse::<usize>().expect("a sealed key")].clone();
        let key = [prefix.as_bytes(), &sealed].concat();
        assert!(key.len() <= 64, "longer keys are hashed first");
        let pad = |with: u8| -> Vec<u8> {
            (0..64).map(|index| key.get(index).copied().unwrap_or_default() ^ with).collect()
        };
        let inner = Sha256::digest([pad(0x36), data.as_bytes().to_vec()].concat());
        Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
    }
}

impl Hmac for Open {
    fn derive(&self, key: &str, prefix: &str, data: &str) -> Result<String, Failure> {
        Ok(self.seal(&self.mac(key, prefix, data)))
    }

    fn sign(&self, key: &str, data: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.mac(key, "", data))
    }
}

fn scope(time: &str, service: &'static str) -> Scope {
    Scope { time: time.into(), region: "us-east-1".into(), service }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The signature of a request.
fn signature(scope: &Scope, secret: &str, signable: &Signable<'_>) -> String {
    let open = Open::default();
    let key = scope.key(&open, &open.seal(secret.as_bytes())).expect("derived");
    let header = signable.authorization(&open, scope, "AKID", &key).expect("signed");
    header.rsplit_once("Signature=").expect("a signature").1.to_owned()
}

/// "Signature calculations for the authorization header: transferring payload in a single chunk", Amazon S3
/// API reference: four requests.
#[test]
fn the_examples_of_the_s3_reference() {
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const PUT: &str = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let host = ("host", "examplebucket.s3.amazonaws.com");
    let date = ("x-amz-date", "20130524T000000Z");
    let content = |hash| ("x-amz-content-sha256", hash);
    let list = pairs(&[("max-keys", "2"), ("prefix", "J")]);
    let lifecycle = pairs(&[("lifecycle", "")]);
    let put = vec![
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        host,
        content(PUT),
        date,
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    for (method, path, query, headers, payload, expected) in [
        (
            "GET",
            "/test.txt",
            &[][..],
            vec![host, ("range", "bytes=0-9"), content(EMPTY), date],
            EMPTY,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test%24file.text",
            &[],
            put,
            PUT,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/",
            &lifecycle,
            vec![host, content(EMPTY), date],
            EMPTY,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/",
            &list,
            vec![host, content(EMPTY), date],
            EMPTY,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let signable = Signable { method, path, query, headers, payload };
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(
            signature(&scope("20130524T000000Z", "s3"), secret, &signable),
            expected,
            "{method} {path}"
        );
    }
    assert_eq!(sha256_hex(b"Welcome to Amazon S3."), PUT);
    assert_eq!(sha256_hex(b""), EMPTY);
}

/// Cases of the Signature Version 4 test suite, by their names there.
#[test]
fn the_test_suite() {
    let empty = sha256_hex(b"");
    let host = ("host", "example.amazonaws.com");
    let date = ("x-amz-date", "20150830T123600Z");
    let unordered = pairs(&[("Param2", "value2"), ("Param1", "value1")]);
    let unreserved: String = "-._~".chars().chain('0'..='9').chain('A'..='Z').chain('a'..='z').collect();
    let plain = vec![host, date];
    for (name, method, path, query, headers, expected) in [
        (
            "get-vanilla",
            "GET",
            "/",
            vec![],
            plain.clone(),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "post-vanilla",
            "POST",
            "/",
            vec![],
            plain.clone(),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "get-vanilla-query-order-key-case",
            "GET",
            "/",
            unordered,
            plain.clone(),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-query-unreserved",
            "GET",
            "/",
            pairs(&[(&unreserved, &unreserved)]),
            plain.clone(),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            "get-vanilla-utf8-query",
            "GET",
            "/",
            pairs(&[("ሴ", "bar")]),
            plain.clone(),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "get-header-value-trim",
            "GET",
            "/",
            vec![],
            vec![host, ("my-header1", " value1"), ("my-header2", " \"a   b   c\""), date],
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
    ] {
        let signable = Signable { method, path, query: &query, headers, payload: &empty };
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        assert_eq!(signature(&scope("20150830T123600Z", "service"), secret, &signable), expected, "{name}");
    }
}

#[test]
fn the_header_names_the_scope_and_what_is_signed() {
    let open = Open::default();
    let scope = scope("20130524T000000Z", "cloudfront");
    let signable = Signable {
        method: "GET",
        path: "/",
        query: &[],
        headers: vec![("x-amz-date", "20130524T000000Z"), ("host", "cloudfront.amazonaws.com")],
        payload: "",
    };
    let key = open.seal(b"k");
    let header = signable.authorization(&open, &scope, "sealed1_x", &key).expect("signed");
    let start = "AWS4-HMAC-SHA256 Credential=sealed1_x/20130524/us-east-1/cloudfront/aws4_request, \
                 SignedHeaders=host;x-amz-date, Signature=";
    assert!(header.starts_with(start), "{header}");
}

#[test]
fn checksums_are_in_base_64() {
    assert_eq!(sha256_base64(b""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(sha256_base64(b"abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}
