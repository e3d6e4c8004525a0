import { serverContract } from "./repository_server.ts";

serverContract("mysql", "MySQL");
