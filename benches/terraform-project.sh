# shellcheck shell=bash
# A Terraform project whose AWS provider talks to a stand-in; for the scripts that measure beside Terraform.

# Makes the project in the folder of the first argument: providers come from the mirror in the second, S3 is at the
# address in the third, and the resources are read from stdin.
terraform_project() {
    local folder=$1 mirror=$2 endpoint=$3
    mkdir -p "$folder"
    export TF_CLI_CONFIG_FILE=$folder/terraform.rc CHECKPOINT_DISABLE=1
    printf 'provider_installation {\n  filesystem_mirror {\n    path = "%s"\n  }\n}\n' "$mirror" >"$TF_CLI_CONFIG_FILE"
    cat >"$folder/main.tf" <<HCL
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  region                      = "eu-west-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { s3 = "$endpoint" }
}
$(cat)
HCL
}
