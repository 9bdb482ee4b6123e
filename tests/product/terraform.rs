//! Terraform targets: against a stand-in that records what it is called with, and against the real one where
//! it is installed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::environment::not_run;
use crate::moto::Moto;
use crate::{Output, TestEnvironment, canary};

const BASE: &str = "version: \"2\"
name: my-app
services:
  infra:
    type: database
  app:
    type: process
    inject_from:
      infra: [DATABASE_URL, BUCKET_NAME]
";
const OVERLAY: &str = "environment: prod
services:
  infra:
    target:
      type: terraform
      module: infra
      variables:
        name: my-site
        password: \"{{ vault('secrets.DB_PASSWORD') }}\"
        tags: { team: web }
  app:
    target:
      type: terraform
      module: app
";
/// What a variable of the module is given.
const PASSWORD: &str = "pw-7f3c91d2e8ab4456";
/// A sensitive output of the module.
const ADDRESS: &str = "postgres://app:out-55aa0e1b9c7d@db.internal/app";

/// Terraform's stand-in. What it is called with lies beside it, outside of what is searched for secrets.
const STUB: &str = r#"#!/bin/sh
here="@HERE@"
module="${1#-chdir=}"; module="${module##*/}"
step="$2"
for word in "$@"; do
  case "$word" in -state=*) state="${word#-state=}";; -out=*) out="${word#-out=}";; esac
done
echo "$module: $step" >> "$here/steps"
echo "$@" >> "$here/arguments"
env > "$here/environment-$module-$step"
event() { echo "{\"type\":\"$1\",\"hook\":{\"resource\":{\"addr\":\"aws_db.main\"},\"action\":\"create\"}}"; }
keep() {
  echo '{"version":4,"lineage":"11111111-2222","resources":[{"mode":"managed","instances":[{}]}]}' > "$state"
}
case "$step" in
  init) mkdir -p "$TF_DATA_DIR" ;;
  plan) echo "$module" > "$out" ;;
  show)
    actions=create
    for word in "$@"; do last="$word"; done
    [ -e "${last%/plan}/terraform.tfstate" ] && actions=no-op
    [ -e "$here/changed" ] && actions=update
    echo "{\"format_version\":\"1.2\",\"resource_changes\":[{\"address\":\"aws_db.main\",\"mode\":\"managed\",\"change\":{\"actions\":[\"$actions\"],
      \"before\":{\"size\":1,\"key\":\"a\"},\"after\":{\"size\":2,\"key\":\"b\"},\"before_sensitive\":{\"key\":true}}}],
      \"resource_drift\":$(cat "$here/drift" 2>/dev/null || echo '[]')}" ;;
  apply)
    event apply_start
    if [ -e "$here/fail" ]; then
      echo "{\"type\":\"diagnostic\",\"diagnostic\":{\"severity\":\"error\",\"summary\":\"creating DB: denied\",\"detail\":\"the password $TF_VAR_password is too simple\",\"address\":\"aws_db.main\",\"range\":{\"filename\":\"main.tf\",\"start\":{\"line\":3}}}}"
      exit 1
    fi
    if [ -e "$here/slow" ]; then
      trap 'keep; touch "$here/interrupted"; exit 1' INT
      touch "$here/started"
      while [ ! -e "$here/go" ]; do sleep 0.05; done
    fi
    keep
    event apply_complete
    touch "$here/finished" ;;
  output) echo '{"bucket_name":{"sensitive":false,"value":"my-site"},"database_url":{"sensitive":true,"value":"@ADDRESS@"}}' ;;
  destroy) rm -f "$state"; event apply_complete ;;
esac
"#;

/// A project with a stand-in for Terraform.
struct Stubbed {
    environment: TestEnvironment,
    beside: tempfile::TempDir,
}

impl Stubbed {
    fn new() -> Self {
        let mut environment = TestEnvironment::warm();
        environment.write("starsystem.yaml", BASE);
        environment.write("starsystem.prod.yaml", OVERLAY);
        for module in ["infra", "app"] {
            environment.write(&format!("{module}/main.tf"), "# the stand-in does not read it\n");
        }
        let beside = tempfile::tempdir().expect("a folder");
        let stub = beside.path().join("terraform");
        let text = STUB.replace("@HERE@", &beside.path().display().to_string()).replace("@ADDRESS@", ADDRESS);
        std::fs::write(&stub, text).expect("a file");
        std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        environment.set("PATH", &format!("{}:/usr/bin:/bin", beside.path().display()));
        let stored = environment.run_with_input(&["vault", "set", "secrets.DB_PASSWORD", "-"], PASSWORD);
        assert_eq!(stored.code, 0, "{}", stored.raw);
        Self { environment, beside }
    }

    fn touch(&self, name: &str) {
        std::fs::write(self.beside.path().join(name), "").expect("a file");
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.beside.path().join(name)).expect("a file that is there");
    }

    fn wait_for(&self, name: &str) {
        wait_for(&self.beside.path().join(name));
    }

    /// What the stand-in wrote into a file; nothing if it wrote none.
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.beside.path().join(name)).unwrap_or_default()
    }

    /// The steps since the last look.
    fn steps(&self) -> Vec<String> {
        let steps = self.read("steps").lines().map(str::to_owned).collect();
        let _ = std::fs::remove_file(self.beside.path().join("steps"));
        steps
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.environment.run(&[arguments, &["--env=prod"]].concat())
    }

    fn fine(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        assert_eq!(output.code, 0, "{arguments:?}:\n{}", output.raw);
        output
    }

    fn start(&self, arguments: &[&str]) -> std::process::Child {
        let mut command = self.environment.command(&[arguments, &["--env=prod"]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ss runs")
    }

    fn assert_no_secret(&self, outputs: &[&Output]) {
        for secret in [PASSWORD, ADDRESS] {
            canary::assert_absent(&self.environment, secret, outputs, &[]);
        }
    }
}

fn wait_for(file: &Path) {
    let begun = Instant::now();
    while !file.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "`{}` does not come", file.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &std::process::Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill runs");
    assert!(status.success());
}

fn receipt(stubbed: &Stubbed) -> Value {
    serde_json::from_str(&stubbed.fine(&["inspect", "--json"]).stdout).expect("a receipt")
}

#[test]
fn a_module_is_planned_applied_offered_compared_and_destroyed() {
    let mut stubbed = Stubbed::new();
    let planned = stubbed.fine(&["plan"]);
    for part in [
        "+ infra terraform · will create (1 to add, 0 to change, 0 to destroy)",
        "+ app terraform · will create (planned by Terraform once the services it needs have run)",
        "Plan: 2 to create, 0 to update, 0 unchanged.",
    ] {
        assert!(planned.stdout.contains(part), "`{part}` is missing in:\n{}", planned.raw);
    }
    assert_eq!(
        stubbed.steps(),
        ["infra: init", "infra: plan", "infra: show"],
        "nothing that changes anything"
    );
    let left = stubbed.fine(&["provision"]);
    assert!(left.stdout.contains("Skipping 2 services"), "{}", left.raw);
    assert!(left.raw.contains("ss deploy"), "{}", left.raw);
    assert_eq!(stubbed.steps(), [""; 0]);

    // Nobody listens there; Terraform is told of the trace all the same.
    stubbed.environment.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let deployed = stubbed.fine(&["deploy"]);
    assert!(deployed.stdout.contains("✓ aws_db.main created"), "{}", deployed.raw);
    let steps = stubbed.steps();
    assert_eq!(steps.iter().filter(|step| step.ends_with(": apply")).count(), 2, "{steps:?}");

    // Values come by the environment, and no argument holds one.
    let environment = stubbed.read("environment-infra-plan");
    let has = |environment: &str, line: &str| environment.lines().any(|other| other == line);
    for line in
        ["TF_VAR_name=my-site", &format!("TF_VAR_password={PASSWORD}"), "TF_VAR_tags={\"team\":\"web\"}"]
    {
        assert!(has(&environment, line), "{line} is missing in:\n{environment}");
    }
    let injected = stubbed.read("environment-app-plan");
    for name in ["DATABASE_URL", "TF_VAR_DATABASE_URL", "TF_VAR_database_url"] {
        assert!(has(&injected, &format!("{name}={ADDRESS}")), "{name} is missing in:\n{injected}");
    }
    assert!(has(&injected, "TF_VAR_bucket_name=my-site"), "{injected}");
    let arguments = stubbed.read("arguments");
    assert!(!arguments.contains(PASSWORD) && !arguments.contains(ADDRESS), "{arguments}");

    let receipt = receipt(&stubbed);
    let trace = receipt["trace"].as_str().expect("a trace");
    let applied = stubbed.read("environment-infra-apply");
    let parent = applied.lines().find_map(|line| line.strip_prefix("TRACEPARENT=")).expect("a parent");
    assert!(parent.starts_with(&format!("00-{trace}-")) && parent.ends_with("-01"), "{parent}");
    let effects = receipt["effects"].as_array().expect("effects");
    let spawned = |effect: &&Value| effect["effect"] == "spawn" && effect["program"] == "terraform";
    assert_eq!(effects.iter().filter(spawned).count(), 2, "{receipt:#}");
    assert_eq!(receipt["plugins"]["terraform"]["digest"], "built-in");

    // The state is in the overlay, what is sensitive only in the vault.
    let overlay = stubbed.environment.read("starsystem.prod.yaml");
    for part in ["provider: terraform", "11111111-2222", "bucket_name: my-site", "resources: 1"] {
        assert!(overlay.contains(part), "`{part}` is missing in:\n{overlay}");
    }
    let stored = stubbed.fine(&["vault", "get", "infra.DATABASE_URL"]);
    assert_eq!(stored.stdout.trim_end(), ADDRESS);
    stubbed.assert_no_secret(&[&planned, &deployed]);

    // Nothing to do is nothing done.
    let again = stubbed.fine(&["deploy"]);
    assert!(again.stdout.contains("= infra terraform · unchanged"), "{}", again.raw);
    assert!(again.stdout.ends_with("✓ Deploy complete: 0 provisioned, 2 unchanged\n"), "{}", again.raw);
    let steps = stubbed.steps();
    assert!(!steps.iter().any(|step| step.ends_with("apply") || step.ends_with("init")), "{steps:?}");

    stubbed.touch("changed");
    let changed = stubbed.fine(&["plan"]);
    assert!(
        changed.stdout.contains("~ infra terraform · will update (0 to add, 1 to change"),
        "{}",
        changed.raw
    );
    assert!(changed.stdout.contains("aws_db.main.size: 1 → 2"), "{}", changed.raw);
    assert!(changed.stdout.contains("aws_db.main.key"), "{}", changed.raw);
    assert!(!changed.stdout.contains("a → b"), "what Terraform hides stays hidden: {}", changed.raw);
    stubbed.remove("changed");

    let clean = stubbed.fine(&["drift"]);
    assert!(!clean.stdout.contains("aws_db"), "{}", clean.raw);
    let drifted = json!([{ "address": "aws_db.main", "mode": "managed",
        "change": { "actions": ["update"], "before": { "size": 1 }, "after": { "size": 9 } } }]);
    std::fs::write(stubbed.beside.path().join("drift"), drifted.to_string()).expect("a file");
    let drift = stubbed.run(&["drift"]);
    assert_eq!(drift.code, 3, "{}", drift.raw);
    assert!(drift.stdout.contains("aws_db.main.size"), "{}", drift.raw);

    stubbed.steps();
    let gone = stubbed.fine(&["destroy", "--yes"]);
    let steps = stubbed.steps();
    let destroyed: Vec<&String> = steps.iter().filter(|step| step.ends_with("destroy")).collect();
    assert_eq!(destroyed, ["app: destroy", "infra: destroy"], "dependents first:\n{}", gone.raw);
    assert!(!stubbed.environment.read("starsystem.prod.yaml").contains("_state"));
    assert!(!folder(&stubbed.environment, "infra").exists(), "nothing of it is left");
    stubbed.fine(&["inspect", "--verify"]);
}

fn folder(environment: &TestEnvironment, service: &str) -> PathBuf {
    environment.ss_home().join("terraform/my-app/prod").join(service)
}

#[test]
fn without_terraform_a_person_is_told_what_to_install() {
    let mut stubbed = Stubbed::new();
    stubbed.environment.set("PATH", &stubbed.environment.home().display().to_string());
    for command in [&["plan"][..], &["deploy"]] {
        let output = stubbed.run(command);
        assert_eq!(output.code, 1, "{}", output.raw);
        for part in ["`terraform` is not installed", "install Terraform or OpenTofu"] {
            assert!(output.raw.contains(part), "`{part}` is missing in:\n{}", output.raw);
        }
    }
    // The file can be judged without it.
    let output = stubbed.run(&["validate"]);
    assert_eq!(output.code, 0, "{}", output.raw);
    let wrong = OVERLAY.replace("module: infra\n", "modul: infra\n");
    stubbed.environment.write("starsystem.prod.yaml", &wrong);
    let output = stubbed.run(&["validate"]);
    assert_eq!(output.code, 1, "{}", output.raw);
    assert!(output.raw.contains("did you mean `module`?"), "{}", output.raw);
}

#[test]
fn a_failed_apply_is_told_in_terraform_s_words_and_gone_on_with() {
    let stubbed = Stubbed::new();
    stubbed.touch("fail");
    let failed = stubbed.run(&["deploy"]);
    assert_eq!(failed.code, 1, "{}", failed.raw);
    for part in [
        "`terraform apply` failed: creating DB: denied (aws_db.main, main.tf:3)",
        "is too simple",
        "app not started: it needs infra",
    ] {
        assert!(failed.raw.contains(part), "`{part}` is missing in:\n{}", failed.raw);
    }
    assert_eq!(receipt(&stubbed)["status"], "failed");
    stubbed.assert_no_secret(&[&failed]);
    stubbed.remove("fail");
    stubbed.fine(&["deploy"]);
    stubbed.fine(&["inspect", "--verify"]);
    assert!(!folder(&stubbed.environment, "infra").join("plan").exists(), "plans hold values");
}

#[test]
fn an_apply_outlives_ss_and_the_next_run_makes_nothing_twice() {
    let stubbed = Stubbed::new();
    stubbed.touch("slow");
    let mut child = stubbed.start(&["deploy"]);
    stubbed.wait_for("started");
    child.kill().expect("killed");
    child.wait().expect("ended");
    stubbed.touch("go");
    stubbed.wait_for("finished");
    let again = stubbed.fine(&["deploy"]);
    let steps = stubbed.steps();
    let applied = steps.iter().filter(|step| *step == "infra: apply").count();
    assert_eq!(applied, 1, "what the killed run's Terraform did stands: {steps:?}\n{}", again.raw);
    assert!(stubbed.environment.read("starsystem.prod.yaml").contains("11111111-2222"));
    stubbed.fine(&["inspect", "--verify"]);
    stubbed.assert_no_secret(&[&again]);
}

#[test]
fn ctrl_c_twice_reaches_terraform_which_keeps_its_state() {
    let stubbed = Stubbed::new();
    stubbed.touch("slow");
    let child = stubbed.start(&["deploy"]);
    stubbed.wait_for("started");
    signal(&child, "-INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!stubbed.beside.path().join("interrupted").exists(), "once finishes what runs");
    signal(&child, "-INT");
    stubbed.wait_for("interrupted");
    let output = stubbed.environment.finish(&child.wait_with_output().expect("ss ends"));
    assert_eq!(output.code, 1, "{}", output.raw);
    assert!(output.raw.contains("`terraform apply` was interrupted"), "{}", output.raw);
    stubbed.remove("slow");
    stubbed.fine(&["deploy"]);
    let steps = stubbed.steps();
    assert_eq!(steps.iter().filter(|step| *step == "infra: apply").count(), 1, "{steps:?}");
}

#[test]
fn a_state_that_is_missing_is_no_empty_one() {
    let stubbed = Stubbed::new();
    stubbed.fine(&["deploy"]);
    std::fs::remove_file(folder(&stubbed.environment, "infra").join("terraform.tfstate")).expect("a state");
    stubbed.steps();
    for command in [&["plan"][..], &["deploy"], &["destroy", "--yes", "--service=infra"]] {
        let output = stubbed.run(command);
        assert_eq!(output.code, 1, "{command:?}: {}", output.raw);
        assert!(output.raw.contains("Terraform's state of `infra` is not on this machine"), "{}", output.raw);
        assert!(output.raw.contains("declare a backend"), "{}", output.raw);
    }
    let steps = stubbed.steps();
    assert!(!steps.iter().any(|step| step == "infra: apply" || step == "infra: destroy"), "{steps:?}");
}

/// Whether the real Terraform is here.
pub fn real() -> bool {
    let mut version = Command::new("terraform");
    version.arg("version").env("TF_CLI_CONFIG_FILE", "/dev/null").stdout(Stdio::null()).stderr(Stdio::null());
    let found = version.status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        not_run("terraform", "none; from its maker");
    }
    found
}

/// Of Terraform's own provider, so that nothing is downloaded.
const MODULE: &str = r#"
variable "name" { type = string }
variable "password" {
  type      = string
  sensitive = true
}
variable "tags" { type = map(string) }
resource "terraform_data" "site" { input = { name = var.name, tags = var.tags } }
resource "terraform_data" "login" { input = var.password }
output "bucket_name" { value = terraform_data.site.output.name }
output "database_url" {
  value     = "postgres://app:${terraform_data.login.output}@db/app"
  sensitive = true
}
"#;

#[test]
fn the_real_terraform_does_as_the_stand_in() {
    if !real() {
        return;
    }
    let mut environment = TestEnvironment::warm();
    environment.set("TF_CLI_CONFIG_FILE", "/dev/null");
    environment.write("starsystem.yaml", BASE);
    environment.write("starsystem.prod.yaml", OVERLAY);
    environment.write("infra/main.tf", MODULE);
    environment.write(
        "app/main.tf",
        "variable \"database_url\" { sensitive = true }\nresource \"terraform_data\" \"a\" { input = var.database_url }\n",
    );
    let stored = environment.run_with_input(&["vault", "set", "secrets.DB_PASSWORD", "-"], PASSWORD);
    assert_eq!(stored.code, 0, "{}", stored.raw);
    let fine = |arguments: &[&str]| {
        let output = environment.run(&[arguments, &["--env=prod"]].concat());
        assert_eq!(output.code, 0, "{arguments:?}:\n{}", output.raw);
        output
    };
    let deployed = fine(&["deploy"]);
    for part in ["will create (2 to add, 0 to change, 0 to destroy)", "✓ terraform_data.login created"] {
        assert!(deployed.stdout.contains(part), "`{part}` is missing in:\n{}", deployed.raw);
    }
    let address = fine(&["vault", "get", "infra.DATABASE_URL"]);
    assert_eq!(address.stdout.trim_end(), format!("postgres://app:{PASSWORD}@db/app"));
    let state = folder(&environment, "infra").join("terraform.tfstate");
    assert!(state.exists() && !environment.project().join("infra/terraform.tfstate").exists());
    let mode = std::fs::metadata(state.parent().expect("a folder")).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let again = fine(&["deploy"]);
    assert!(again.stdout.ends_with("✓ Deploy complete: 0 provisioned, 2 unchanged\n"), "{}", again.raw);
    environment.write(
        "starsystem.prod.yaml",
        &environment.read("starsystem.prod.yaml").replace("{ team: web }", "{ team: api }"),
    );
    let changed = fine(&["plan"]);
    assert!(changed.stdout.contains("terraform_data.site.input.tags.team: web → api"), "{}", changed.raw);
    fine(&["drift"]);
    let wrong = environment.read("infra/main.tf").replace("var.name,", "var.nam,");
    environment.write("infra/main.tf", &wrong);
    let failed = environment.run(&["plan", "--env=prod"]);
    assert_eq!(failed.code, 1, "{}", failed.raw);
    assert!(failed.raw.contains("Reference to undeclared input variable ("), "{}", failed.raw);
    assert!(failed.raw.contains("main.tf:"), "{}", failed.raw);
    environment.write("infra/main.tf", MODULE);
    let gone = fine(&["destroy", "--yes"]);
    assert!(gone.stdout.contains("2 destroyed"), "{}", gone.raw);
    assert!(!state.exists());
    canary::assert_absent(&environment, PASSWORD, &[&deployed, &again, &changed, &failed], &[]);
}

/// A mirror of providers in which AWS's is; none, said loudly, if there is none.
fn mirror() -> Option<PathBuf> {
    let named = std::env::var_os("SS_TERRAFORM_MIRROR").map(PathBuf::from);
    let holds = |folder: &PathBuf| {
        let hosts = std::fs::read_dir(folder).into_iter().flatten().flatten();
        hosts.into_iter().any(|host| host.path().join("hashicorp/aws").is_dir())
    };
    let usual = ["/opt", "/usr/share/terraform", "/usr/local/share/terraform"];
    let below = usual.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let found = named.into_iter().chain(below.map(|entry| entry.path())).find(holds);
    if found.is_none() {
        not_run("terraform-provider-aws", "none; `SS_TERRAFORM_MIRROR` names a mirror that has it");
    }
    found
}

const BUCKET: &str = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
variable "endpoint" {}
variable "bucket" {}
provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
  endpoints {
    s3 = var.endpoint
  }
}
resource "aws_s3_bucket" "site" { bucket = var.bucket }
output "bucket" { value = aws_s3_bucket.site.bucket }
"#;

#[test]
fn a_bucket_by_terraform_s_own_provider_at_moto() {
    if !real() {
        return;
    }
    let (Some(mirror), Some(moto)) = (mirror(), Moto::start()) else { return };
    let mut environment = TestEnvironment::warm();
    let settings = environment.root().join("terraform.rc");
    let text = format!("provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n");
    std::fs::write(&settings, text).expect("a file");
    environment.set("TF_CLI_CONFIG_FILE", &settings.display().to_string());
    environment.set("AWS_ACCESS_KEY_ID", "AKIDTERRAFORM");
    environment.set("AWS_SECRET_ACCESS_KEY", "terraform-secret-0f1e2d");
    environment.write("infra/main.tf", BUCKET);
    let url = moto.url();
    environment.write(
        "starsystem.yaml",
        &format!(
            "name: my-app\nservices:\n  site:\n    type: cdn\n    target:\n      type: terraform\n      module: infra\n      variables: {{ bucket: my-tf-site, endpoint: \"{url}\" }}\n"
        ),
    );
    environment.write("starsystem.prod.yaml", "environment: prod\n");
    let deployed = environment.succeed(&["deploy", "--env=prod"]);
    assert!(deployed.stdout.contains("✓ aws_s3_bucket.site created"), "{}", deployed.raw);
    assert!(moto.buckets().contains("<Name>my-tf-site</Name>"), "{}", moto.buckets());
    assert!(environment.read("starsystem.prod.yaml").contains("bucket: my-tf-site"));
    let gone = environment.succeed(&["destroy", "--env=prod", "--yes"]);
    assert!(gone.stdout.contains("1 destroyed"), "{}", gone.raw);
    assert!(!moto.buckets().contains("my-tf-site"));
}
