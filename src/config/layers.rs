//! How the layers of settings become one: what was given over the file that it names.

use super::file::read_file;
use super::settings::Settings;

impl Settings {
    /// These settings over those of the file that they name.
    ///
    /// # Errors
    /// One line that says what is wrong and what would be right.
    pub fn over_file(self) -> Result<Settings, String> {
        let names: Vec<&str> = self.queue.iter().flat_map(|queues| &queues.0).map(|queue| &*queue.name).collect();
        if let Some(twice) = (1..names.len()).find(|&at| names[..at].contains(&names[at])) {
            return Err(format!("the queue {} is given twice", names[twice]));
        }
        match &self.config {
            Some(path) => {
                let file = read_file(path).map_err(|error| error.to_string())?;
                Ok(self.over(file))
            }
            None => Ok(self),
        }
    }
}
