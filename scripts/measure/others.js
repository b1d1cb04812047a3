// The same in node with `ws`: prints its port and its control port, each byte there is one message to all.
const net = require("node:net");
const { WebSocket, WebSocketServer } = require("ws");

const message = Buffer.from("x".repeat(Number(process.argv[2])));
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096, perMessageDeflate: false });
const control = net.createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("data", (asked) => {
    for (let n = 0; n < asked.length; n++)
      for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.send(message, { binary: false });
  });
});
server.on("connection", (client) => client.on("error", () => {}));
server.on("listening", () => {
  control.listen(0, "127.0.0.1", () => console.log(server.address().port, control.address().port));
});
