"use strict";
// Pushes new orders to the open pages of the office.
const axios = require("axios");
const { WebSocketServer } = require("ws");

const pages = new WebSocketServer({ port: 8080 });
setInterval(async () => {
  const orders = await axios.get(`${process.env.ORDERS}/orders`);
  for (const page of pages.clients) page.send(JSON.stringify(orders.data));
}, 5000);
