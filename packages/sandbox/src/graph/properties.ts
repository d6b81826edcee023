/** Properties of Graph's users and groups that there are here, and those that Graph returns where none are selected. */
export const unaskedUserProperties = ["id", "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage", "surname", "userPrincipalName"] as const;
export const userProperties = [...unaskedUserProperties, "accountEnabled", "userType", "department"] as const;
export const groupProperties = ["id", "displayName", "description", "mail", "securityEnabled", "groupTypes"] as const;
