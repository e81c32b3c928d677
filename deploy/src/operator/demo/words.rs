//! What the sample's names are made of. Nobody real is meant.

pub(super) const FIRST: [&str; 24] = [
    "Ana", "Beto", "Caro", "Davi", "Eva", "Fabio", "Gil", "Helena", "Igor", "Joana", "Kai", "Lia",
    "Marcos", "Nina", "Otto", "Paula", "Quim", "Rita", "Saulo", "Tania", "Ugo", "Vera", "Wanda",
    "Yuri",
];

pub(super) const LAST: [&str; 24] = [
    "Abreu",
    "Barros",
    "Campos",
    "Dutra",
    "Esteves",
    "Farias",
    "Godoy",
    "Horta",
    "Iglesias",
    "Junqueira",
    "Klein",
    "Lacerda",
    "Moraes",
    "Nobre",
    "Oliva",
    "Pontes",
    "Queiroz",
    "Rangel",
    "Salles",
    "Torres",
    "Uchoa",
    "Viana",
    "Weber",
    "Zanetti",
];

pub(super) const COMPANY: [&str; 32] = [
    "Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper",
    "Kapok", "Larch", "Maple", "Neem", "Oak", "Pine", "Quince", "Rowan", "Spruce", "Teak", "Umber",
    "Viburnum", "Willow", "Yew", "Zelkova", "Acacia", "Balsa", "Cypress", "Ebony", "Hemlock",
    "Linden", "Sequoia",
];

pub(super) const TRADE: [&str; 10] = [
    "Furniture",
    "Logistics",
    "Foods",
    "Textiles",
    "Machines",
    "Paper",
    "Energy",
    "Glass",
    "Tools",
    "Ceramics",
];

pub(super) const CITY: [(&str, &str); 8] = [
    ("Curitiba", "Brazil"),
    ("Porto", "Portugal"),
    ("Lyon", "France"),
    ("Graz", "Austria"),
    ("Leeds", "United Kingdom"),
    ("Nagoya", "Japan"),
    ("Tampa", "United States"),
    ("Cork", "Ireland"),
];

pub(super) const PRODUCT: [(&str, i64); 8] = [
    ("Desk", 42_000),
    ("Chair", 15_000),
    ("Shelf", 9_900),
    ("Lamp", 4_950),
    ("Cabinet", 61_000),
    ("Installation", 25_000),
    ("Maintenance, one year", 120_000),
    ("Design study", 350_000),
];

pub(super) const NOTE: [&str; 5] = [
    "Asked for a visit next month.",
    "Prefers to be called in the morning.",
    "Wants delivery in two parts.",
    "Compares us with one other supplier.",
    "Budget is set for the coming quarter.",
];
