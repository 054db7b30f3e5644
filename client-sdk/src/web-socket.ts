// As much of the global `WebSocket` as the SDK uses.
export interface WebSocketLike {
  send (data: string): void
  close (code?: number, reason?: string): void
  addEventListener (type: 'open' | 'message' | 'close' | 'error', listener: (event: { data?: unknown, reason?: string, message?: string }) => void): void
}

export type WebSocketConstructor = new (url: string, options?: { headers: Record<string, string> }) => WebSocketLike
