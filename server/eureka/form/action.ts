/** What a delta says of an instance. */
export type ActionType = 'ADDED' | 'MODIFIED' | 'DELETED'
