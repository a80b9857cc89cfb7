import { anyApi } from "convex/server";
export const api = anyApi, paginated = anyApi, actions = anyApi;
