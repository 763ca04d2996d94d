// A key vault for the rotator, and the least it needs there: soft delete, purge protection, rights by role, and one role
// for one identity. Read against Microsoft's reference of these resource types; not compiled and not deployed by this
// project's tests, which have no Bicep compiler. Look at what it would do first:
//
//   az deployment group what-if --resource-group RG --template-file key-vault.bicep \
//     --parameters vaultName=NAME principalId=OBJECT-ID
//
// The role is defined in the resource group; making it needs Microsoft.Authorization/roleDefinitions/write, and giving it
// Microsoft.Authorization/roleAssignments/write (Owner, or User Access Administrator).

@description('The vault, 3 to 24 characters; its address will be https://NAME.vault.azure.net.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('The object id (not the client id) of the identity that the rotator uses.')
param principalId string

@description('A person signed in with the Azure CLI is a User; everything else is a ServicePrincipal.')
@allowed(['ServicePrincipal', 'User', 'Group'])
param principalType string = 'ServicePrincipal'

@description('Where the vault is.')
param location string = resourceGroup().location

@description('How long deleted secrets can be recovered. It can never be changed.')
@minValue(7)
@maxValue(90)
param softDeleteDays int = 90

@description('Addresses that may reach the vault, as CIDR. Empty = none but private endpoints.')
param allowedAddresses array = []

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: vaultName
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: softDeleteDays
    enablePurgeProtection: true
    publicNetworkAccess: empty(allowedAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: 'Deny'
      ipRules: [for address in allowedAddresses: {
        value: address
      }]
    }
  }
}

// Each line is needed: without it a rotation stops with a message that names it. Deleting and purging are not here, nor
// anything about keys and certificates.
resource rotator 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'entra-rotator')
  properties: {
    // A tenant has each name of a role once, and resource groups of the same name in many subscriptions.
    roleName: 'entra-rotator (${resourceGroup().name}, ${uniqueString(resourceGroup().id)})'
    description: 'Stages, promotes and recovers the passwords that entra-rotator keeps.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/secrets/getSecret/action' // reads back what it wrote
          'Microsoft.KeyVault/vaults/secrets/readMetadata/action' // lists versions: whose candidate is first
          'Microsoft.KeyVault/vaults/secrets/setSecret/action' // stages and promotes
          'Microsoft.KeyVault/vaults/secrets/update/action' // disables candidates, marks current
          'Microsoft.KeyVault/vaults/secrets/recover/action' // brings back what somebody deleted
        ]
        notDataActions: []
      }
    ]
  }
}

// On the whole vault: give the rotator a vault of its own. On single secrets the same role can be assigned too, to NAME
// and NAME-pending of each account, once they exist.
resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, rotator.id)
  scope: vault
  properties: {
    roleDefinitionId: rotator.id
    principalId: principalId
    principalType: principalType
  }
}

@description('What to write as the vault\'s url.')
output url string = vault.properties.vaultUri
