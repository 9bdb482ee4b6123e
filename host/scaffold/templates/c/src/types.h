// Short names for the generated types, and the rule of this plugin's memory.
//
// Every call gets a fresh instance, which is gone when the call returns: nothing is ever freed here. What is
// returned must lie on the heap, since the bindings free it: strings made by `owned` do.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin.h"

typedef exports_starsystem_provisioner_adapter_change_t change_t;
typedef exports_starsystem_provisioner_adapter_context_t context_t;
typedef exports_starsystem_provisioner_adapter_description_t description_t;
typedef exports_starsystem_provisioner_adapter_failure_t failure_t;
typedef exports_starsystem_provisioner_adapter_health_t health_t;
typedef exports_starsystem_provisioner_adapter_list_change_t changes_t;
typedef exports_starsystem_provisioner_adapter_option_state_t optional_state_t;
typedef exports_starsystem_provisioner_adapter_outcome_t outcome_t;
typedef exports_starsystem_provisioner_adapter_proposal_t plan_t;
typedef exports_starsystem_provisioner_adapter_service_t service_t;
typedef exports_starsystem_provisioner_adapter_state_t state_t;

#define FAILURE(kind) STARSYSTEM_PROVISIONER_TYPES_FAILURE_KIND_##kind

// Fills `failure` in and returns false, as functions that fail do.
bool fail(failure_t *failure, uint8_t kind, const char *message);
