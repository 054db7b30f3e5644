// Under which name the agents of machines (`rollcall proxy`) register. What they say of themselves is in traffic-agent.ts.
export const agentNamespace = 'rollcall-system'
export const agentService = 'proxy'
