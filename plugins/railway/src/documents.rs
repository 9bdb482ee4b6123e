//! Every GraphQL document that this plugin sends. Each is one operation; what varies goes in variables.
//!
//! The host lets a query through while planning and a mutation only in `provision` and `destroy`. A test of
//! the repository holds all of them against Railway's schema.

pub const ME: &str = "query Me { me { workspaces { id name } } }";

pub const PROJECTS: &str = "query Projects($workspaceId: String, $first: Int, $after: String) { \
    projects(workspaceId: $workspaceId, first: $first, after: $after) { \
    edges { node { id name description deletedAt } } pageInfo { hasNextPage endCursor } } }";

pub const PROJECT: &str = "query Project($id: String!) { project(id: $id) { id name description deletedAt \
    environments(first: 100) { edges { node { id name deletedAt } } } } }";

pub const SERVICES: &str = "query Services($id: String!, $after: String) { project(id: $id) { \
    services(first: 100, after: $after) { \
    edges { node { id name deletedAt } } pageInfo { hasNextPage endCursor } } } }";

pub const INSTANCE: &str = "query Instance($environmentId: String!, $serviceId: String!) { \
    serviceInstance(environmentId: $environmentId, serviceId: $serviceId) { source { image repo } \
    startCommand buildCommand dockerfilePath rootDirectory healthcheckPath healthcheckTimeout numReplicas \
    region restartPolicyType cronSchedule sleepApplication latestDeployment { id status } } }";

pub const VARIABLES: &str = "query Variables($projectId: String!, $environmentId: String!, $serviceId: String!) { \
    variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true) }";

pub const VOLUMES: &str = "query Volumes($id: String!, $projectId: String!) { \
    environment(id: $id, projectId: $projectId) { volumeInstances(first: 100) { \
    edges { node { volumeId serviceId mountPath deletedAt isPendingDeletion } } } } }";

pub const DOMAINS: &str = "query Domains($projectId: String!, $environmentId: String!, $serviceId: String!) { \
    domains(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId) { \
    serviceDomains { id domain targetPort deletedAt } \
    customDomains { id domain targetPort deletedAt status { verified certificateStatus verificationDnsHost \
    verificationToken dnsRecords { recordType fqdn requiredValue status } } } } }";

pub const TCP_PROXIES: &str = "query TcpProxies($environmentId: String!, $serviceId: String!) { \
    tcpProxies(environmentId: $environmentId, serviceId: $serviceId) { \
    id domain proxyPort applicationPort deletedAt } }";

pub const DEPLOYMENT: &str = "query Deployment($id: String!) { deployment(id: $id) { id status } }";

pub const CREATE_PROJECT: &str = "mutation CreateProject($input: ProjectCreateInput!) { \
    projectCreate(input: $input) { id } }";

pub const RENAME_PROJECT: &str = "mutation RenameProject($id: String!, $input: ProjectUpdateInput!) { \
    projectUpdate(id: $id, input: $input) { id } }";

pub const DELETE_PROJECT: &str = "mutation DeleteProject($id: String!) { projectDelete(id: $id) }";

pub const CREATE_SERVICE: &str = "mutation CreateService($input: ServiceCreateInput!) { \
    serviceCreate(input: $input) { id } }";

pub const RENAME_SERVICE: &str = "mutation RenameService($id: String!, $input: ServiceUpdateInput!) { \
    serviceUpdate(id: $id, input: $input) { id } }";

pub const CONNECT_SERVICE: &str = "mutation ConnectService($id: String!, $input: ServiceConnectInput!) { \
    serviceConnect(id: $id, input: $input) { id } }";

pub const DELETE_SERVICE: &str = "mutation DeleteService($id: String!) { serviceDelete(id: $id) }";

pub const UPDATE_INSTANCE: &str = "mutation UpdateInstance($environmentId: String!, $serviceId: String!, $input: ServiceInstanceUpdateInput!) { \
    serviceInstanceUpdate(environmentId: $environmentId, serviceId: $serviceId, input: $input) }";

pub const SET_VARIABLES: &str = "mutation SetVariables($input: VariableCollectionUpsertInput!) { \
    variableCollectionUpsert(input: $input) }";

pub const DELETE_VARIABLE: &str = "mutation DeleteVariable($input: VariableDeleteInput!) { \
    variableDelete(input: $input) }";

pub const CREATE_VOLUME: &str = "mutation CreateVolume($input: VolumeCreateInput!) { \
    volumeCreate(input: $input) { id } }";

pub const DELETE_VOLUME: &str =
    "mutation DeleteVolume($volumeId: String!) { volumeDelete(volumeId: $volumeId) }";

pub const CREATE_DOMAIN: &str = "mutation CreateDomain($input: ServiceDomainCreateInput!) { \
    serviceDomainCreate(input: $input) { id domain } }";

pub const UPDATE_DOMAIN: &str = "mutation UpdateDomain($input: ServiceDomainUpdateInput!) { \
    serviceDomainUpdate(input: $input) }";

pub const DELETE_DOMAIN: &str = "mutation DeleteDomain($id: String!) { serviceDomainDelete(id: $id) }";

pub const CREATE_CUSTOM_DOMAIN: &str = "mutation CreateCustomDomain($input: CustomDomainCreateInput!) { \
    customDomainCreate(input: $input) { id } }";

pub const DELETE_CUSTOM_DOMAIN: &str =
    "mutation DeleteCustomDomain($id: String!) { customDomainDelete(id: $id) }";

pub const CREATE_TCP_PROXY: &str = "mutation CreateTcpProxy($input: TCPProxyCreateInput!) { \
    tcpProxyCreate(input: $input) { id } }";

pub const DEPLOY: &str = "mutation Deploy($environmentId: String!, $serviceId: String!) { \
    serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId) }";
