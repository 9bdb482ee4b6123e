//! S3: one bucket, reached by its own host name or, where that cannot be, by its path.

use std::time::Duration;

use serde_json::Value;
use ss_sdk::http::{Method, Response, percent_encode};
use ss_sdk::{Failure, FailureKind};

use crate::client::{Aws, Call, Place};
use crate::settings::Setting;
use crate::xml::Element;

/// XML namespace of S3.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The one region that is named by leaving it out.
const UNNAMED_REGION: &str = "us-east-1";
/// How long a bucket just created may be unknown to S3.
const APPEARANCE_LIMIT: Duration = Duration::from_secs(60);
/// How long a deleted bucket may stay visible.
const DELETION_LIMIT: Duration = Duration::from_secs(120);

/// One bucket, which may not exist.
pub struct Bucket<'a, 'c, 'h> {
    aws: &'a Aws<'c, 'h>,
    pub name: String,
    pub region: String,
    place: Place,
    /// Path of the bucket itself, after the base of its place.
    root: &'static str,
}

impl<'a, 'c, 'h> Bucket<'a, 'c, 'h> {
    /// The bucket of this name. One with dots is reached by its path, because the certificate of S3 covers
    /// one label alone.
    pub fn new(aws: &'a Aws<'c, 'h>, name: &str, region: &str, path_style: bool) -> Self {
        let service_host = format!("s3.{region}.amazonaws.com");
        let (host, base, root) = if path_style || name.contains('.') {
            (service_host, format!("/{name}"), "")
        } else {
            (format!("{name}.{service_host}"), String::new(), "/")
        };
        let place = Place { service: "s3", shown: "S3", region: region.to_owned(), host, base };
        Self { aws, name: name.to_owned(), region: region.to_owned(), place, root }
    }

    /// A request about the bucket itself, or one of its sub-resources.
    fn call(&self, method: Method, query: &str, purpose: &'static str) -> Call<'a, 'c, 'h> {
        let call = self.aws.call(method, &self.place, self.root, purpose);
        if query.is_empty() { call } else { call.query(query, "") }
    }

    /// `https://s3.eu-west-1.amazonaws.com`.
    pub fn endpoint(&self) -> String {
        format!("https://s3.{}.amazonaws.com", self.region)
    }

    /// Host name of the bucket in its region.
    pub fn domain(&self) -> String {
        format!("{}.s3.{}.amazonaws.com", self.name, self.region)
    }

    /// How a setting is; null if it is not configured, none if the bucket does not exist.
    pub fn setting(&self, setting: Setting) -> Result<Option<Value>, Failure> {
        let call = self.call(Method::Get, setting.query(), setting.reading());
        match call.send()? {
            Ok(response) => setting.read(&response.body).map(Some).map_err(|why| {
                Failure::internal(format!(
                    "S3 answered the request to {} with what cannot be read: {why}",
                    call.purpose
                ))
            }),
            Err(refusal) if refusal.is(&["NoSuchBucket"]) => Ok(None),
            Err(refusal) if refusal.is(&[setting.absent()]) => Ok(Some(Value::Null)),
            Err(refusal) => Err(refusal.failure(&call)),
        }
    }

    /// Replaces a setting, or removes it. A bucket just created may not be known everywhere yet.
    pub fn set(&self, setting: Setting, wanted: &Value) -> Result<(), Failure> {
        let call = if wanted.is_null() {
            self.call(Method::Delete, setting.query(), setting.writing())
        } else {
            let (kind, body) = setting.write(wanted);
            self.call(Method::Put, setting.query(), setting.writing()).body(kind, body)
        };
        let wait = self.aws.context.wait("S3 to know the bucket", APPEARANCE_LIMIT);
        wait.until(|| Ok(call.unless(&["NoSuchBucket", "OperationAborted"])?.map(|_| ())))
    }

    /// Creates the bucket. One that is ours already is success.
    pub fn create(&self) -> Result<(), Failure> {
        let call = self.call(Method::Put, "", "create the bucket");
        let call = if self.region == UNNAMED_REGION {
            call
        } else {
            let configuration = Element::new("CreateBucketConfiguration")
                .with(Element::text("LocationConstraint", self.region.as_str()));
            call.body("application/xml", configuration.document(NAMESPACE))
        };
        call.unless(&["BucketAlreadyOwnedByYou"]).map(|_| ())
    }

    /// Whether it holds nothing; true too if it does not exist.
    pub fn is_empty(&self) -> Result<bool, Failure> {
        Ok(self.page("1")?.is_none_or(|page| page.objects.is_empty()))
    }

    /// Deletes every version of every object, and every upload that was not finished.
    pub fn empty(&self) -> Result<(), Failure> {
        let mut deleted = 0;
        while let Some(page) = self.page("1000")?.filter(|page| !page.objects.is_empty()) {
            deleted += page.objects.len();
            self.delete_objects(page.objects)?;
        }
        if deleted > 0 {
            self.aws.context.step(format!("{deleted} objects deleted from {}", self.name));
        }
        self.abort_uploads()
    }

    /// The first versions and delete markers. What is listed is deleted before more is asked for.
    fn page(&self, most: &str) -> Result<Option<Versions>, Failure> {
        let call = self.call(Method::Get, "versions", "list the objects").query("max-keys", most);
        let Some(response) = call.unless(&["NoSuchBucket"])? else { return Ok(None) };
        let root = read(&call, &response)?;
        let listed =
            root.children.iter().filter(|child| matches!(child.name.as_str(), "Version" | "DeleteMarker"));
        let objects = listed
            .map(|version| {
                let key = version.child("Key").map_or("", |key| key.text.as_str());
                Element::new("Object")
                    .with(Element::text("Key", key))
                    .with(Element::text("VersionId", version.value("VersionId")))
            })
            .collect();
        Ok(Some(Versions { objects }))
    }

    fn delete_objects(&self, objects: Vec<Element>) -> Result<(), Failure> {
        let first = objects.first().map(|object| object.value("Key").to_owned()).unwrap_or_default();
        let delete =
            Element { children: objects, ..Element::new("Delete") }.with(Element::text("Quiet", "true"));
        let call = self.call(Method::Post, "delete", "delete the objects");
        let call = call.body("application/xml", delete.document(NAMESPACE));
        let response = call.success()?;
        let root = read(&call, &response)?;
        match root.child("Error") {
            None => Ok(()),
            Some(error) => Err(Failure::conflict(format!(
                "S3 did not delete `{first}` and maybe others from `{}`: {} ({})",
                self.name,
                error.value("Message"),
                error.value("Code")
            ))),
        }
    }

    fn abort_uploads(&self) -> Result<(), Failure> {
        let call = self.call(Method::Get, "uploads", "list the unfinished uploads");
        let Some(response) = call.unless(&["NoSuchBucket"])? else { return Ok(()) };
        for upload in read(&call, &response)?.children("Upload") {
            let key = upload.value("Key").split('/').map(percent_encode).collect::<Vec<_>>().join("/");
            let path = format!("/{key}");
            let abort = self.aws.call(Method::Delete, &self.place, &path, "abort an unfinished upload");
            abort.query("uploadId", upload.value("UploadId")).unless(&["NoSuchUpload"])?;
        }
        Ok(())
    }

    /// Deletes the bucket and waits until it is gone. One that is not there is success.
    pub fn delete(&self) -> Result<(), Failure> {
        let call = self.call(Method::Delete, "", "delete the bucket");
        match call.send()? {
            Ok(_) => {}
            Err(refusal) if refusal.is(&["NoSuchBucket"]) => return Ok(()),
            Err(refusal) if refusal.is(&["BucketNotEmpty"]) => return Err(self.not_empty()),
            Err(refusal) => return Err(refusal.failure(&call)),
        }
        let wait = self.aws.context.wait("the bucket to be gone", DELETION_LIMIT);
        wait.until(|| Ok(self.setting(Setting::Tags)?.is_none().then_some(())))
    }

    /// The failure of whoever would delete a bucket with something in it.
    pub fn not_empty(&self) -> Failure {
        Failure::new(FailureKind::Conflict, format!("the bucket `{}` holds objects and is not deleted", self.name))
            .with_next_step(
                "empty it, or set `force_destroy: true` and provision once more; then its objects are deleted with it",
            )
    }
}

/// A page of a bucket's contents, as objects to delete.
struct Versions {
    objects: Vec<Element>,
}

/// The answer as XML.
pub fn read(call: &Call<'_, '_, '_>, response: &Response) -> Result<Element, Failure> {
    Element::parse(&response.body).map_err(|why| {
        let message = format!(
            "{} answered the request to {} with what this plugin does not understand: {why}",
            call.place.shown, call.purpose
        );
        if call.method.is_safe() { Failure::internal(message) } else { Failure::outcome_unknown(message) }
    })
}
