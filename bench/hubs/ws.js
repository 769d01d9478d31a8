// Hands every message to everyone else.
import { WebSocket, WebSocketServer } from 'ws';

const [host, port] = process.argv[2].split(':');
const server = new WebSocketServer({ host, port: Number(port), perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.send('joined');
  socket.on('message', (message) => {
    for (const other of server.clients) {
      if (other !== socket && other.readyState === WebSocket.OPEN) other.send(message, { binary: false });
    }
  });
});
