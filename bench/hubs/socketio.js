// Hands every update to everyone else.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [host, port] = process.argv[2].split(':');
const http = createServer();
const server = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
server.on('connection', (socket) => socket.on('update', (update) => socket.broadcast.emit('update', update)));
http.listen(Number(port), host);
